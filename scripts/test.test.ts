import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { ROOT, run, scratch } from '../test/support/up.ts'

const RUNNER = path.join(ROOT, 'scripts/test.ts')

describe('the test runner', () => {
  const { dir, remove } = scratch('runner')
  after(remove)

  /** Runs it on one test file with this text. */
  async function runnerOn(name: string, text: string, env: NodeJS.ProcessEnv = {}, ...options: string[]) {
    const file = path.join(dir, `${name}.test.ts`)
    writeFileSync(file, text)
    // Without it the inner runner would take itself for a test file of the outer one.
    const outer = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const { code, stdout, stderr } = await run(process.execPath, [RUNNER, file, ...options], ROOT, { ...outer, ...env })
    return { code, output: stdout + stderr }
  }

  test('lists what was skipped with the reason, then gives node’s summary last', async () => {
    const text =
      "import { test } from 'node:test'\ntest('runs', () => {})\ntest('waits', { skip: 'no moon' }, () => {})\n"
    const { code, output } = await runnerOn('skips', text)
    assert.equal(code, 0, output)
    assert.match(output, /skipped:\n {2}test\/\.tmp\/.*skips\.test\.ts: waits: no moon\nℹ tests 2\n/)
    assert.match(output, /ℹ duration_ms [\d.]+\n$/)
  })

  test('refuses what is no test file, or is not there', async () => {
    for (const [word, message] of [
      ['src/cli', /^Error: src\/cli is no test file/],
      ['src/none.test.ts', /^Error: there is no file src\/none\.test\.ts/],
    ] as const) {
      const { code, stderr } = await run(process.execPath, [RUNNER, word], ROOT)
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
    const { code, stdout } = await run(process.execPath, [RUNNER, '--help'], ROOT)
    assert.equal(code, 0)
    assert.match(stdout, /examples:/)
  })

  test('fails with a failing test', async () => {
    const { code } = await runnerOn(
      'fails',
      "import { test } from 'node:test'\ntest('fails', () => { throw new Error('x') })\n",
    )
    assert.equal(code, 1)
  })

  test('runs test/e2e/ after all others, and what failed before stays failed', async () => {
    const text = "import { test } from 'node:test'\ntest('early', () => { throw new Error('x') })\n"
    const { code, output } = await runnerOn('early', text, {}, 'test/e2e/calls.test.ts')
    assert.equal(code, 1)
    assert.match(output, /✖ early.*ℹ fail 1\n.*ℹ duration_ms.*ℹ fail 0\n/s)
  })

  test('fails when no test ran: an empty file, all skipped, or no name matches', async () => {
    const skipped = "import { test } from 'node:test'\ntest('waits', { skip: true }, () => {})\n"
    for (const { code, output } of [
      await runnerOn('empty', ''),
      await runnerOn('all-skipped', skipped),
      await runnerOn(
        'unmatched',
        "import { test } from 'node:test'\ntest('a', () => {})\n",
        {},
        '--test-name-pattern=b',
      ),
    ]) {
      assert.match(output, /no test ran/)
      assert.equal(code, 1)
    }
  })

  test('ends a file that does not end, and says what kept it', async () => {
    const text = "import { test } from 'node:test'\ntest('ends', () => {})\nsetInterval(() => {}, 1000)\n"
    const { code, output } = await runnerOn('hangs', text, { SKEIN_TEST_FILE_LIMIT_MS: '300' })
    assert.equal(code, 1)
    assert.match(output, /hangs\.test\.ts did not end within 300 ms; still open: .*Timeout/)
  })
})
