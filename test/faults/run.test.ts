/** The scoreboard itself: what must be red is red, whatever happens it cleans up, and every script keeps to the contract. */
import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ROOT, run } from '../support/up.ts'
import type { Fault, Row } from './harness/contract.ts'
import { measure } from './harness/measure.ts'
import { failed, judge, table } from './harness/table.ts'
import { loadFaults } from './run.ts'

const PLAN = { size: 'ci', seed: 1 } as const

const fault = (run: Fault['run']): Fault => ({ name: 'made-up', what: 'nothing', ci: false, run })

test('a figure within its threshold is ok; beyond it, without one or without a number it is red', () => {
  const row: Row = { figure: 'x', value: 5, unit: 'ms' }
  assert.equal(judge({ ...row, atMost: 5 }), 'ok')
  assert.equal(judge({ ...row, atLeast: 5 }), 'ok')
  assert.equal(judge({ ...row, atMost: 4 }), 'FAIL')
  assert.equal(judge({ ...row, atLeast: 6 }), 'FAIL')
  assert.equal(judge({ ...row, value: Number.NaN, atMost: 4 }), 'FAIL')
  assert.equal(judge(row), 'FAIL')
  assert.equal(judge({ ...row, info: true }), 'info')
})

test('no row, an error and too long a time are red; a skip is not', async () => {
  assert.ok(
    failed(
      await measure(
        fault(async () => []),
        PLAN,
      ),
    ),
  )
  const broken = await measure(
    fault(async () => Promise.reject(new Error('broke'))),
    PLAN,
  )
  assert.ok(failed(broken))
  assert.match(table([broken]), /made-up +broke off .*FAIL\n +Error: broke/)
  const endless = { ...fault(() => new Promise(() => {})), limitMs: { ci: 1 } }
  assert.match((await measure(endless, PLAN)).error!, /not over within 0.001 s/)
  const skipped = await measure({ ...endless, skip: () => 'no such thing here' }, PLAN)
  assert.equal(failed(skipped), false)
  assert.match(table([skipped]), /no such thing here/)
})

test('what was started ends, last first, and the folder goes, also after an error', async () => {
  const ended: string[] = []
  let dir = ''
  await measure(
    fault(async (context) => {
      dir = context.dir
      context.after(() => void ended.push('first'))
      context.after(async () => void ended.push('last'))
      throw new Error('broke')
    }),
    PLAN,
  )
  assert.deepEqual(ended, ['last', 'first'])
  assert.equal(existsSync(dir), false)
})

for (const [line, message] of [
  ['nonsense', /^Error: fault nonsense: there are bad-input, /],
  ['herd --seed x', /^Error: seed x: not a whole number/],
  ['--fast', /^Error: Unknown option '--fast'/],
] as const) {
  test(`a command line that is wrong is a sentence and status 2: faults ${line}`, async () => {
    const { code, stderr } = await run(process.execPath, ['test/faults/run.ts', ...line.split(' ')], ROOT)
    assert.equal(code, 2, stderr)
    assert.match(stderr, message)
  })
}

test('the help names every fault, with examples', async () => {
  const { code, stdout } = await run(process.execPath, ['test/faults/run.ts', '--help'], ROOT)
  assert.equal(code, 0)
  for (const { name, what } of await loadFaults()) assert.ok(stdout.includes(what), name)
  assert.match(stdout, /examples:\n {2}npm run faults/)
})

test('every script of the folder is called as its file and says in a line what it breaks', async () => {
  const files = globSync('*.ts', { cwd: import.meta.dirname }).filter((file) => !/^run\.|\.test\.ts$/.test(file))
  const faults = await loadFaults()
  assert.deepEqual(
    faults.map(({ name }) => name),
    files.sort().map((file) => path.basename(file, '.ts')),
  )
  for (const { what } of faults) assert.match(what, /^.{10,160}$/)
})
