import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { seeded } from '../../core/random.ts'
import type { Note } from '../history/contract.ts'
import { SqliteStorage } from './sqlite.ts'
import { isFinal, storageError } from './sqlite-error.ts'
import { LoggingView, put } from './write-kit.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 7)
const folder = mkdtempSync(join(tmpdir(), 'skein-sqlite-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const FULL = 'the disk is full; free some space, writes go on by themselves then'
const newFile = () => join(folder, `${++files}.db`)

async function opened(file: string, maxBytes?: number) {
  const batches: number[] = []
  const storage = new SqliteStorage({ file, maxBytes }, { onCommit: (writes) => batches.push(writes) })
  const view = new LoggingView()
  await storage.open(view)
  return { storage, view, batches }
}

test('writes that arrive together are one commit', async () => {
  const { storage, batches } = await opened(newFile())
  await Promise.all(Array.from({ length: 50 }, (_, i) => storage.write(() => [put(`k${i}`)])))
  await storage.write(() => [put('alone')])
  assert.deepEqual(batches, [50, 1])
  await storage.close()
})

test('a full disk: nothing is acknowledged, nothing shows, writes go on when there is room', async () => {
  const { storage, view } = await opened(newFile(), 40 * 4096)
  const big = 'x'.repeat(20_000)
  const outcomes: PromiseSettledResult<void>[] = []
  for (let i = 0; i < 20; i++) {
    outcomes.push(...(await Promise.allSettled([storage.write(() => [put(`k${i}`, big)])])))
    assert.equal(view.applied.length, outcomes.filter(({ status }) => status === 'fulfilled').length)
  }
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  assert.match(String(failed?.reason), /\.db: database or disk is full: the disk is full; free some space/)
  assert.equal(failed?.reason.code, 'STORAGE_FAILED')
  await storage.write(() => [{ kind: 'kv', key: 'k0', body: null }])
  await storage.write(() => [put('small')])
  await storage.close()
})

test('a batch that fails is taken back as a whole, and its indexes are used again', async () => {
  const file = newFile()
  const { storage, view } = await opened(file, 12 * 4096)
  await storage.write(() => [put('before')])
  const batch = [put('a'), put('b', 'x'.repeat(100_000)), put('c')]
  const outcomes = await Promise.allSettled(batch.map((change) => storage.write(() => [change])))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  assert.equal(view.applied.length, 1)
  await storage.write(() => [put('after')])
  assert.equal(view.applied[1]?.index, 2)
  await storage.close()
  const again = await opened(file)
  assert.deepEqual(again.view.loaded.map(({ key }) => key).sort(), ['after', 'before'])
  await again.storage.close()
})

test('a failed flush is final, a full disk is not', () => {
  const sqliteError = (errcode: number) => Object.assign(new Error('x'), { errcode })
  assert.equal(isFinal(sqliteError(10 | (4 << 8))), true, 'SQLITE_IOERR_FSYNC')
  assert.equal(isFinal(sqliteError(13)), false, 'SQLITE_FULL')
  assert.match(storageError(sqliteError(1034), '/r.db').message, /^registry storage \/r\.db: x: the disk failed/)
})

test('while writes fail the storage says why; it finds out by itself that they work again, and tells once each', async () => {
  const clock = new VirtualClock()
  const told: string[] = []
  const onHealth = (failure: Error | undefined) => void told.push(failure === undefined ? 'well' : failure.message)
  const file = newFile()
  const storage = new SqliteStorage({ file, maxBytes: 24 * 4096 }, { onHealth }, clock)
  await storage.open(new LoggingView())
  await storage.write(() => [put('small')])
  assert.equal(storage.failure, undefined)
  for (let i = 0; i < 2; i++)
    await assert.rejects(
      storage.write(() => [put('big', 'x'.repeat(200_000))]),
      /disk is full/,
    )
  assert.match(storage.failure!.message, /free some space/)
  clock.advance(1000)
  assert.equal(storage.failure, undefined)
  assert.deepEqual(told, [`registry storage ${file}: database or disk is full: ${FULL}`, 'well'])
  await storage.close()
  const again = await opened(file)
  assert.deepEqual([again.view.loaded.map(({ key }) => key), again.view.loadedIndex], [['small'], 1])
  await again.storage.close()
})

test('a value, an index or a history entry that the disk changed is refused with the way out', async () => {
  const file = newFile()
  const { storage } = await opened(file)
  const note: Note = { Time: '2026-01-01T00:00:00Z', Kind: 'kv', Key: 'a', Cause: 'api' }
  await storage.write(() => [{ ...put('a', 'right'), note }])
  await storage.close()
  const spoilt = async (sql: string) => {
    const copy = newFile()
    copyFileSync(file, copy)
    const db = new DatabaseSync(copy)
    db.exec(sql)
    db.close()
    return opened(copy)
  }
  const wayOut = /\.db: .+: the file is damaged; restore it from a backup, or move it away to start empty$/
  await assert.rejects(spoilt(`UPDATE record SET body = replace(body, 'right', 'wrong')`), wayOut)
  await assert.rejects(spoilt('UPDATE record SET modified = 9'), /record kv "a" was changed/)
  await assert.rejects(spoilt('UPDATE position SET last_index = 7'), /the position was changed/)
  await assert.rejects(spoilt('DELETE FROM record'), /not all of one time/)
  const { storage: other } = await spoilt(`UPDATE history SET kind = 'kw'`)
  assert.throws(() => other.history!.list({ last: 1, kind: 'kv' }), wayOut)
  await other.close()
})

test('a file that lost its content is not taken for a new one, nor is a log without its file', async () => {
  const file = newFile()
  const { storage } = await opened(file)
  await storage.write(() => [put('a')])
  const log = readFileSync(`${file}-wal`)
  await storage.close()
  truncateSync(file)
  await assert.rejects(opened(file), /it is empty \(0 bytes\), so what was in it is lost: .*restore it from a backup/)
  rmSync(file)
  writeFileSync(`${file}-wal`, log)
  await assert.rejects(opened(file), /but the file itself is gone/)
})

test('a file from before there were checksums gets them', async () => {
  const file = newFile()
  const { storage } = await opened(file)
  const note: Note = { Time: '2026-01-01T00:00:00Z', Kind: 'kv', Key: 'a', Cause: 'api' }
  await storage.write(() => [{ ...put('a', 'kept'), note }])
  await storage.write(() => [put('b')])
  await storage.close()
  const db = new DatabaseSync(file)
  for (const column of ['record DROP sum', 'position DROP total', 'position DROP sum', 'history DROP sum'])
    db.exec(`ALTER TABLE ${column}`)
  db.exec('PRAGMA user_version = 1')
  db.close()
  const { storage: upgraded, view } = await opened(file)
  assert.deepEqual(
    view.loaded.map(({ key, ModifyIndex }) => [key, ModifyIndex]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  assert.deepEqual(upgraded.history!.list({ last: 9 }), [{ Index: 1, ...note }])
  await upgraded.write(() => [put('c'), { kind: 'kv', key: 'a', body: null }])
  await upgraded.close()
  const again = await opened(file)
  assert.deepEqual(again.view.loaded.map(({ key }) => key).sort(), ['b', 'c'])
  await again.storage.close()
})

test('a second registry on the same file is refused with the way out', async () => {
  const file = newFile()
  const { storage } = await opened(file)
  await assert.rejects(opened(file), /another process has it open; stop that one/)
  await storage.close()
})

test('what is no registry is refused and left alone', async () => {
  const text = newFile()
  writeFileSync(text, 'not a database at all, but long enough to be looked at as if it were one'.repeat(20))
  await assert.rejects(opened(text), /no SQLite database/)
  const other = newFile()
  const db = new DatabaseSync(other)
  db.exec('PRAGMA user_version = 3; CREATE TABLE t (a)')
  db.close()
  await assert.rejects(opened(other), /database of another program/)
  await assert.rejects(opened(join(folder, 'no', 'such', 'folder.db')), /check that the directory exists/)
})

test('damaged bytes give a refusal that names the file, or a database that opens: never a crash', async () => {
  const file = newFile()
  const { storage } = await opened(file)
  for (let i = 0; i < 40; i++) await storage.write(() => [put(`key-${i}`, 'v'.repeat(200))])
  await storage.close()
  const bytes = readFileSync(file)
  const random = seeded(SEED)
  for (let round = 0; round < 60; round++) {
    const damaged = Buffer.from(bytes.subarray(0, round % 3 === 0 ? Math.floor(random() * bytes.length) : bytes.length))
    for (let i = 0; i < 8 && damaged.length > 0; i++)
      damaged[Math.floor(random() * damaged.length)]! ^= 1 << (round % 8)
    const copy = newFile()
    writeFileSync(copy, damaged)
    const outcome = await opened(copy).catch((error: Error) => error)
    if (outcome instanceof Error) assert.match(outcome.message, /^registry storage .*\.db: /, `seed ${SEED}`)
    else await outcome.storage.close()
  }
})

test('kill -9 at random times loses no acknowledged write', async () => {
  const file = newFile()
  const random = seeded(SEED)
  const writer = new URL('./writer.fixture.ts', import.meta.url).pathname
  let acknowledged = 0
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, [writer, file, String(acknowledged)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    acknowledged = await killAfter(child, acknowledged + 20 + Math.floor(random() * 400), acknowledged)
    const { storage, view } = await opened(file)
    const keys = new Set(view.loaded.map(({ key }) => key))
    for (let i = 0; i < acknowledged; i++)
      assert.ok(keys.has(`k${i}`), `k${i} was acknowledged and is gone (seed ${SEED})`)
    assert.ok(view.loadedIndex >= keys.size, 'the index is not behind the writes')
    acknowledged = keys.size
    await storage.close()
  }
})

/** Kills the writer once it has acknowledged `count` writes in all; how many lines came through. */
function killAfter(child: ChildProcess, count: number, before: number): Promise<number> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout!.on('data', (chunk) => {
      text += chunk
      if (before + lines(text) >= count) child.kill('SIGKILL')
    })
    child.on('close', () => resolve(before + lines(text)))
  })
}

const lines = (text: string) => text.split('\n').length - 1
