/** The bench of the registry runs, and says what it says it measures: in small, so that it does not rot. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CASES } from '../../bench/registry/cases.ts'
import { judge, table } from '../../bench/registry/report.ts'

const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))

function bench(...args: string[]) {
  const env = { ...process.env, CONSUL_BIN: '' }
  return spawnSync(process.execPath, [BENCH, 'registry', ...args], { encoding: 'utf8', env, timeout: 60_000 })
}

test('cases give a line a row, with figures', { timeout: 90_000 }, () => {
  const cases = ['register', 'health', 'growth']
  const small = ['--case', cases.join(','), '--instances', '100', '--seconds', '0.05', '--json']
  const { stdout, stderr } = bench(...small)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual([...new Set(lines.map((line) => line.case))], cases, stderr)
  for (const line of lines.filter(({ goal }) => goal === undefined)) {
    assert.equal(line.peer, 'skein')
    assert.ok(line.per_s > 0, JSON.stringify(line))
  }
})

test('a case or peer that there is not is named, with those that there are', () => {
  assert.match(bench('--case', 'nonsense').stderr, /--case nonsense: there are register, catalog/)
  assert.match(bench('--peer', 'consul').stderr, /--peer consul: there are skein/)
  assert.match(bench('--help').stdout, /watch-many/)
})

test('goals are judged by the ratio, and a lost one is shown as lost', () => {
  const health = CASES.find(({ name }) => name === 'health')!
  const measured = (skein: number) => [
    { peer: 'skein', rows: [{ name: 'get', figures: { per_s: skein } }] },
    { peer: 'consul', rows: [{ name: 'get', figures: { per_s: 1000 } }] },
  ]
  const [goal] = health.goals
  assert.deepEqual(judge(goal!, measured(6000)), { value: 6, reached: true })
  assert.deepEqual(judge(goal!, measured(4000)), { value: 4, reached: false })
  assert.deepEqual(judge(goal!, measured(6000).slice(0, 1)), { value: undefined, reached: undefined })
  assert.match(table(health, measured(4000)), /get, per s ÷ consul ≥ 5: 4\.00 LOST/)
})
