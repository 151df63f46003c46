import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FakeFleet } from './fake-fleet.suite.ts'
import { announceRun, findRunning, type RunInfo, runFile, socketPath, withdrawRun } from './runfile.ts'
import { serveControl } from './server.ts'

function project(t: TestContext): { folder: string; config: string } {
  const folder = mkdtempSync(join(tmpdir(), 'skein-run-'))
  const config = join(folder, 'skein.config.ts')
  t.after(() => {
    for (const path of [folder, dirname(socketPath(config))]) rmSync(path, { recursive: true, force: true })
  })
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  return { folder, config }
}

async function running(t: TestContext, config: string): Promise<RunInfo> {
  const info: RunInfo = { pid: process.pid, socket: socketPath(config), startedAt: 5, config, gateway: 'http://g' }
  const control = await serveControl({ fleet: new FakeFleet(), socketPath: info.socket, info: () => info })
  t.after(() => control.close())
  await announceRun(info)
  return info
}

/** The pid of a process that has ended. */
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid

test('a running fleet is found from its folder, from below, and by its configuration', async (t) => {
  const { folder, config } = project(t)
  const info = await running(t, config)
  assert.deepEqual(await findRunning({ cwd: folder }), info)
  assert.deepEqual(await findRunning({ cwd: join(folder, 'a', 'b') }), info)
  assert.deepEqual(await findRunning({ cwd: folder, config: 'skein.config.ts' }), info)
  assert.deepEqual(await findRunning({ cwd: '/', config }), info)
  assert.equal(await findRunning({ cwd: folder, config: 'a/skein.config.ts' }), undefined)
})

test('what is left of a dead fleet is removed, and one above is found', async (t) => {
  const { folder, config } = project(t)
  const info = await running(t, config)
  const inner = join(folder, 'a', 'skein.config.ts')
  mkdirSync(dirname(runFile(inner)), { recursive: true })
  mkdirSync(dirname(socketPath(inner)), { mode: 0o700 })
  const dead = { ...info, pid: deadPid(), config: inner, socket: socketPath(inner) }
  writeFileSync(runFile(inner), JSON.stringify(dead))
  writeFileSync(socketPath(inner), '')
  assert.deepEqual(await findRunning({ cwd: join(folder, 'a', 'b') }), info)
  assert.equal(existsSync(runFile(inner)), false)
  assert.equal(existsSync(dirname(socketPath(inner))), false)
})

test('a pid that now belongs to another program is no running fleet', async (t) => {
  const { folder, config } = project(t)
  mkdirSync(dirname(runFile(config)))
  const stale = { pid: process.pid, socket: socketPath(config), startedAt: 5, config }
  writeFileSync(runFile(config), JSON.stringify(stale))
  assert.equal(await findRunning({ cwd: folder }), undefined)
  assert.equal(existsSync(runFile(config)), false)
})

test('a run file names any path: only what is ours is removed', async (t) => {
  const { folder, config } = project(t)
  const precious = join(folder, 'precious')
  writeFileSync(precious, 'x')
  mkdirSync(dirname(runFile(config)))
  writeFileSync(runFile(config), JSON.stringify({ pid: deadPid(), socket: precious, startedAt: 5, config }))
  assert.equal(await findRunning({ cwd: folder }), undefined)
  assert.equal(readFileSync(precious, 'utf8'), 'x')
})

test('a run file that is none is no running fleet', async (t) => {
  const { folder, config } = project(t)
  mkdirSync(dirname(runFile(config)))
  for (const text of ['', '{"pid":1', '[]', 'null', '{"pid":"1","socket":2}']) {
    writeFileSync(runFile(config), text)
    assert.equal(await findRunning({ cwd: folder }), undefined)
  }
})

test('a second fleet in the same folder is refused while the first lives', async (t) => {
  const { folder, config } = project(t)
  const info = await running(t, config)
  const other = { ...info, pid: info.pid + 1, config: join(folder, 'other.config.ts') }
  await assert.rejects(announceRun(other), { code: 'ALREADY_RUNNING', message: new RegExp(`pid ${info.pid}`) })
  withdrawRun(other)
  assert.deepEqual(await findRunning({ cwd: folder }), info)
  withdrawRun(info)
  assert.equal(await findRunning({ cwd: folder }), undefined)
})

test('the socket path stays short and differs by configuration', () => {
  const long = `/${'deep/'.repeat(60)}skein.config.ts`
  assert.ok(Buffer.byteLength(socketPath(long)) < 104)
  assert.notEqual(socketPath('/a/skein.config.ts'), socketPath('/b/skein.config.ts'))
})
