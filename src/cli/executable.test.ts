import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
