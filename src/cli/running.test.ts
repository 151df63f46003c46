/** Commands beside a fleet that runs, in this process. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { FakeFleet } from '../control/fake-fleet.suite.ts'
import { announceRun, socketPath } from '../control/runfile.ts'
import { serveControl } from '../control/server.ts'
import { SkeinError } from '../core/errors.ts'
import { runCommandLine } from './run.ts'

function project(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-running-'))
  const config = path.join(dir, 'skein.config.json')
  const socket = socketPath(config)
  writeFileSync(config, '{"services": {}}')
  t.after(() => {
    for (const folder of [dir, path.dirname(socket)]) rmSync(folder, { recursive: true, force: true })
  })
  const skein = async (cwd: string, ...argv: string[]) => {
    let [stdout, stderr] = ['', '']
    const streams = {
      stdout: { write: (text: string | Uint8Array) => (stdout += text) },
      stderr: { write: (text: string | Uint8Array) => (stderr += text) },
    }
    const status = await runCommandLine(argv, { ...streams, env: {}, cwd })
    return { status, stdout, stderr }
  }
  return { dir, config, socket, skein, info: { pid: process.pid, socket, startedAt: 5, config } }
}

test('of several services to scale, those that were are told, and what is wrong with the others', async (t) => {
  const { dir, socket, info, skein } = project(t)
  const fleet = new FakeFleet()
  const scale = fleet.scale.bind(fleet)
  fleet.scale = async (service, instances) => {
    if (service === 'b') throw new SkeinError('INVALID_INPUT', 'b can have 0 to 1', { hint: 'Give 0 or 1.' })
    await scale(service, instances)
  }
  const control = await serveControl({ fleet, socketPath: socket, info: () => info })
  t.after(() => control.close())
  await announceRun(info)
  assert.deepEqual(await skein(dir, 'scale', 'a=2', 'b=3'), {
    status: 1,
    stdout: '✓ a: 2\n',
    stderr: 'Error: b can have 0 to 1 (INVALID_INPUT)\nGive 0 or 1.\n',
  })
  assert.deepEqual(fleet.asked, ['scale a 2'])
  assert.deepEqual(JSON.parse((await skein(dir, 'scale', 'b=3', '--json')).stdout).error, {
    code: 'INVALID_INPUT',
    message: 'b can have 0 to 1',
    hint: 'Give 0 or 1.',
  })
})

test('a fleet that Ctrl-Z has stopped is waited for by nobody, here or elsewhere', async (t) => {
  const { dir, socket, info, skein } = project(t)
  mkdirSync(path.dirname(socket), { mode: 0o700 })
  const silent = createServer(() => {}).listen(socket)
  t.after(() => {
    silent.closeAllConnections()
    silent.close()
  })
  mkdirSync(path.join(dir, '.skein'))
  writeFileSync(path.join(dir, '.skein', 'run.json'), JSON.stringify(info))
  const here = await skein(dir, 'ps')
  assert.equal(here.status, 1)
  assert.match(here.stderr, /\(pid \d+\) does not answer\nIf Ctrl-Z has stopped it, .*kill -CONT \d+/)
  const elsewhere = mkdtempSync(path.join(tmpdir(), 'skein-elsewhere-'))
  t.after(() => rmSync(elsewhere, { recursive: true }))
  assert.match((await skein(elsewhere, 'ps')).stderr, /no fleet runs here/)
})
