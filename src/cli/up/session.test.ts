import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { socketPath } from '../../control/runfile.ts'
import { askPid } from '../../control/socket.ts'
import { systemClock } from '../../core/clock.ts'
import { planFleet } from './plan.ts'
import { startSession } from './session.ts'
import type { View } from './view.ts'

const SILENT: View = { log() {}, changed() {}, ready() {}, planned() {}, ending() {}, end() {} }

test('a session that cannot announce itself gives its socket back, so that the process can end', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-session-'))
  try {
    const file = path.join(dir, 'skein.config.ts')
    // No folder can be made where a file is.
    writeFileSync(path.join(dir, '.skein'), '')
    const plan = planFleet({ services: {}, registry: { address: 'http://127.0.0.1:1' } }, file, { admin: 1 })
    const options = { plan, view: SILENT, clock: systemClock, env: {}, read: async () => plan, end() {} }
    await assert.rejects(startSession(options), { code: /EEXIST|ENOTDIR/ })
    assert.equal(await askPid(socketPath(file)), undefined)
  } finally {
    rmSync(dir, { recursive: true })
    rmSync(path.dirname(socketPath(path.join(dir, 'skein.config.ts'))), { recursive: true })
  }
})
