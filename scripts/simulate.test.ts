import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./simulate.ts', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8', timeout: 60_000 })

test('says what it takes, with the scenarios and examples', () => {
  const { stdout, status } = run('--help')
  assert.equal(status, 0)
  assert.match(stdout, /scenarios:\n\s+equal[\s\S]*examples:\n/)
})

test('prints one line a policy, or one object a line', () => {
  const args = [
    '--scenario',
    'scale',
    '--requests',
    '500',
    '--policy',
    'p2c',
    '--policy',
    '{"policy":"hash","on":"ip"}',
  ]
  const table = run(...args).stdout
  const head = 'policy +mean ms +p99 +p99\\.9 +failed +max/mean +moved +hedges'
  assert.match(table, new RegExp(`^scale: .*\\n${head}\\np2c .*– +–\\nhash .*\\d % +–\\n`))
  const lines = run(...args, '--json')
    .stdout.trim()
    .split('\n')
  const [first, second] = lines.map((line) => JSON.parse(line))
  assert.deepEqual([lines.length, first.requests, first.balance, second.needlesslyMoved], [2, 500, 'p2c', 0])
})

test('checks random scenarios from a seed on', () => {
  assert.match(
    run('--check', '20', '--seed', '7').stdout,
    /20 scenarios from seed 7, \d+ requests: all invariants hold/,
  )
  const { scenarios, seed, hold } = JSON.parse(run('--check', '3', '--seed', '7', '--json').stdout)
  assert.deepEqual([scenarios, seed, hold], [3, 7, true])
})

test('says what is wrong with an argument, and fails', () => {
  const cases: [string[], RegExp][] = [
    [['--policy', 'p3c'], /unknown policy "p3c", did you mean 'p2c'/],
    [['--policy', '{"policy":'], /--policy \{"policy":: .*JSON/],
    [['--scenario', 'sl0w'], /no scenario "sl0w" \(known: equal/],
    [['--requests', 'many'], /--requests many: not a whole number from 1 to 10000000/],
    [['--requests', '1e9'], /--requests 1e9: not a whole number/],
    [['--instances', '1.5'], /--instances 1\.5: not a whole number from 1 to 100000/],
    [['--load', 'full'], /--load full is not a number above 0/],
    [['--check', '0'], /--check 0: not a whole number/],
    [
      ['--scenario', 'scale', '--instances', '1'],
      /--scenario scale: .*instance "i1", which it does not have: it needs more/,
    ],
    [['--speed', '1'], /Unknown option '--speed'/],
  ]
  for (const [args, message] of cases) {
    const { status, stderr } = run(...args)
    assert.equal(status, 2)
    assert.match(stderr, message)
  }
})
