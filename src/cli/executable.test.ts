import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SKEIN = fileURLToPath(new URL('../../bin/skein.js', import.meta.url))
/** Makes any Node one that is too old, so that the executable hands over to the one that the checkout brings. */
const OLD = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})'

test('an executable that hands over to another Node ends as a shell would tell of that', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-executable-'))
  try {
    for (const [signal, status] of [
      ['SIGKILL', 137],
      ['SIGUSR2', 140],
    ] as const) {
      const entry = path.join(dir, `${signal}.mjs`)
      writeFileSync(entry, `process.kill(process.pid, '${signal}'); setInterval(() => {}, 1000)`)
      const child = spawn(process.execPath, ['--import', OLD, SKEIN, 'run', entry], { stdio: 'ignore' })
      assert.deepEqual(await once(child, 'exit'), [status, null])
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('a reader that has gone is no error, and a disk that is full is told in a line', async (t) => {
  const gone = spawn(process.execPath, [SKEIN, 'explain', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  gone.stdout.destroy()
  const [quiet, [status]] = await Promise.all([Array.fromAsync(gone.stderr), once(gone, 'exit')])
  assert.deepEqual([status, quiet], [0, []])
  if (!existsSync('/dev/full')) return t.diagnostic('no /dev/full here')
  const full = spawn(process.execPath, [SKEIN, '--help'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] })
  const [told, [failed]] = await Promise.all([Array.fromAsync(full.stderr!), once(full, 'exit')])
  assert.equal(failed, 1)
  assert.match(Buffer.concat(told).toString(), /^Error: the output cannot be written: ENOSPC.*\n$/)
})
