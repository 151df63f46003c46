import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { VirtualClock } from '../core/clock.ts'
import { createLogger } from '../core/log.ts'
import { readKeptInstances, saveInstances } from './kept-instances.ts'
import { instance } from './kit.suite.ts'
import { SNAPSHOT_MAX_AGE_MS, SNAPSHOT_MAX_BYTES, SnapshotFolder } from './snapshot-folder.ts'
import { snapshotFolder } from './snapshot-place.ts'

const WRITER = fileURLToPath(new URL('snapshot-writer.fixture.ts', import.meta.url))
const run = promisify(execFile)

/** A log whose warnings are kept. */
function warnings() {
  const lines: string[] = []
  return { lines, log: createLogger({}, 'warn', { write: (line) => void lines.push(line) }) }
}

function scene(t: TestContext) {
  const root = mkdtempSync(path.join(tmpdir(), 'skein-snapshots-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = path.join(root, 'new', 'folder')
  const clock = new VirtualClock(Date.now())
  return { root, folder, clock, open: () => new SnapshotFolder({ folder, clock }) }
}

test('what is saved is read by another process, with its date; only the owner may', async (t) => {
  const { folder, clock, open } = scene(t)
  const mine = open()
  assert.equal(await mine.read('a/b'), undefined)
  const savedAt = clock.now()
  mine.save('a/b', { x: 1 })
  await mine.flush()
  clock.advance(5_000)
  assert.deepEqual(await open().read('a/b'), { value: { x: 1 }, confirmedAt: savedAt })
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(path.join(folder, 'a%2Fb.skein-snapshot')).mode & 0o777, 0o600)
  assert.equal(await open().read('a%2Fb'), undefined)
})

test('changes of a second are one write; what stays the same is written for its date every five minutes', async (t) => {
  const { folder, clock, open } = scene(t)
  const mine = open()
  const value = { x: 2 }
  mine.save('a', { x: 1 })
  mine.save('a', value)
  clock.advance(999)
  await mine.flush()
  const first = (await mine.read('a'))!
  assert.deepEqual(first.value, value)
  clock.advance(299_000)
  mine.save('a', value)
  await mine.flush()
  assert.deepEqual(await mine.read('a'), first)
  clock.advance(1)
  mine.save('a', value)
  await mine.flush()
  assert.deepEqual(await mine.read('a'), { value, confirmedAt: first.confirmedAt + 300_000 })
  assert.deepEqual(readdirSync(folder), ['a.skein-snapshot'])
})

test('a day is the longest that a file is believed, and a mebibyte the most', async (t) => {
  const { folder, clock, open } = scene(t)
  const mine = open()
  mine.save('a', 1)
  mine.save('b', 'x'.repeat(SNAPSHOT_MAX_BYTES))
  await mine.flush()
  assert.deepEqual(readdirSync(folder), ['a.skein-snapshot'])
  writeFileSync(path.join(folder, 'b.skein-snapshot'), ' '.repeat(SNAPSHOT_MAX_BYTES + 1))
  assert.equal(await mine.read('b'), undefined)
  clock.advance(SNAPSHOT_MAX_AGE_MS)
  assert.equal((await mine.read('a'))?.value, 1)
  clock.advance(1)
  assert.equal(await mine.read('a'), undefined)
})

test('every truncation of a file, and every bit flip, gives nothing or the value of a whole file', async (t) => {
  const { folder, clock, open } = scene(t)
  const mine = open()
  saveInstances(mine, 'users', [instance('u1', { tags: ['a'], meta: { k: 'v' } })], 7)
  await mine.flush()
  const file = path.join(folder, 'instances%2Fusers.skein-snapshot')
  const whole = readFileSync(file)
  const kept = await readKeptInstances(mine, 'users')
  assert.deepEqual(kept?.instances, [instance('u1', { tags: ['a'], meta: { k: 'v' } })])
  assert.deepEqual([kept?.index, kept?.confirmedAt], [7, clock.now()])
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length))
    assert.equal(await readKeptInstances(mine, 'users'), undefined)
  }
  for (let bit = 0; bit < whole.length * 8; bit += 7) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    writeFileSync(file, flipped)
    const read = await readKeptInstances(mine, 'users')
    for (const one of read?.instances ?? []) {
      assert.equal(one.service, 'users')
      assert.ok(Number.isInteger(one.port) && typeof one.address === 'string' && Array.isArray(one.tags))
    }
  }
})

test('what is too old is removed, drafts of killed processes too; files that are not ours are not', async (t) => {
  const { folder, open } = scene(t)
  const mine = open()
  mine.save('a', 1)
  await mine.flush()
  const day = 86_400
  for (const [name, ageSeconds] of [
    ['killed.skein-snapshot.1', 120],
    ['at-work.skein-snapshot.2', 5],
    ['expired.skein-snapshot', day + 60],
    ['in-use.skein-snapshot', 120],
    ['novel.draft', 30 * day],
    ['data.json', 30 * day],
  ] as const) {
    const file = path.join(folder, name)
    writeFileSync(file, 'half')
    const at = Date.now() / 1000 - ageSeconds
    utimesSync(file, at, at)
  }
  const other = open()
  other.save('a', 2)
  await other.flush()
  assert.deepEqual(readdirSync(folder).sort(), [
    'a.skein-snapshot',
    'at-work.skein-snapshot.2',
    'data.json',
    'in-use.skein-snapshot',
    'novel.draft',
  ])
})

test('a folder that cannot be made costs a line in the log, nothing else', async (t) => {
  const { root } = scene(t)
  writeFileSync(path.join(root, 'file'), '')
  const lines: unknown[] = []
  const log = { warn: (...line: unknown[]) => lines.push(line) } as never
  const mine = new SnapshotFolder({ folder: path.join(root, 'file', 'below'), log })
  for (let i = 0; i < 3; i++) {
    mine.save('a', i)
    await mine.flush()
  }
  assert.equal(lines.length, 1)
})

test('the folder: as given, in the cache of the user by registry, or none', () => {
  assert.equal(snapshotFolder({}), undefined)
  assert.equal(snapshotFolder({ SKEIN_SNAPSHOTS: 'off' }), undefined)
  assert.equal(snapshotFolder({ SKEIN_SNAPSHOTS: '/x/y' }), '/x/y')
  const on = (registry: string) =>
    snapshotFolder({ SKEIN_SNAPSHOTS: 'on', SKEIN_REGISTRY: registry, XDG_CACHE_HOME: '/cache' })!
  assert.ok(on('http://a').startsWith(path.join('/cache', 'skein', path.sep)))
  assert.notEqual(on('http://a'), on('http://b'))
  assert.equal(on('http://a'), on('http://a/'))
})

test('what cannot be written keeps nothing else from it, and is written once it can be', async (t) => {
  const { folder, open } = scene(t)
  const mine = open()
  mine.save('a', 1)
  await mine.flush()
  const inTheWay = path.join(folder, 'b.skein-snapshot')
  mkdirSync(inTheWay)
  const value = { x: 1 }
  mine.save('b', value)
  mine.save('c', 3)
  await mine.flush()
  assert.equal((await open().read('c'))?.value, 3)
  rmSync(inTheWay, { recursive: true })
  mine.save('b', value)
  await mine.flush()
  assert.deepEqual((await open().read('b'))?.value, value)
})

test('a name may be as long as it likes, and of any letters', async (t) => {
  const { open } = scene(t)
  const names = ['instances/注文サービスの長い名前とその続きと終わり', 'x'.repeat(1_000), `${'x'.repeat(999)}y`]
  const mine = open()
  for (const name of names) mine.save(name, name)
  await mine.flush()
  for (const name of names) assert.equal((await open().read(name))?.value, name)
})

test('a file of another version, or of a date that is nonsense, is none', async (t) => {
  const { folder, clock, open } = scene(t)
  const mine = open()
  mine.save('a', 1)
  await mine.flush()
  const file = path.join(folder, 'a.skein-snapshot')
  const whole = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  for (const wrong of [
    { format: 2 },
    { format: '1' },
    { confirmedAt: clock.now() + SNAPSHOT_MAX_AGE_MS + 1 },
    { confirmedAt: '2026' },
    { confirmedAt: null },
    { name: 'b' },
  ]) {
    writeFileSync(file, JSON.stringify({ ...whole, ...wrong }))
    assert.equal(await mine.read('a'), undefined, JSON.stringify(wrong))
  }
  // Clocks are set now and then.
  writeFileSync(file, JSON.stringify({ ...whole, confirmedAt: clock.now() + 60_000 }))
  assert.equal((await mine.read('a'))?.value, 1)
})

test('a folder that is removed is made again', async (t) => {
  const { folder, clock } = scene(t)
  const { lines, log } = warnings()
  const mine = new SnapshotFolder({ folder, clock, log })
  mine.save('a', 1)
  await mine.flush()
  rmSync(folder, { recursive: true })
  for (let i = 0; i < 2; i++) {
    mine.save('a', 2)
    await mine.flush()
  }
  assert.equal((await mine.read('a'))?.value, 2)
  assert.ok(lines.length <= 1, lines.join())
})

test('what is too large is not kept, which is said once', async (t) => {
  const { folder, clock } = scene(t)
  const { lines, log } = warnings()
  const mine = new SnapshotFolder({ folder, clock, log })
  for (let i = 0; i < 3; i++) {
    mine.save('instances/users', 'x'.repeat(SNAPSHOT_MAX_BYTES + i))
    await mine.flush()
  }
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /instances\/users.*too large/)
  mine.save('instances/users', 1)
  await mine.flush()
  assert.equal((await mine.read('instances/users'))?.value, 1)
})

test('a disk that is full keeps the file from before, and leaves no draft', async (t) => {
  const { folder, open } = scene(t)
  const mine = open()
  mine.save('a', 1)
  await mine.flush()
  // The system says EFBIG in place of ENOSPC; half of it is written in either case.
  const command = `ulimit -f 8 && exec "$0" "$1" "$2" x 100000 3`
  const { stdout } = await run('sh', ['-c', command, process.execPath, WRITER, folder])
  assert.equal(stdout.match(/snapshots cannot be written/g)?.length, 1)
  assert.deepEqual(readdirSync(folder), ['a.skein-snapshot'])
  assert.equal((await open().read('a'))?.value, 1)
})

test('several processes that write the same name do not tear each other', async (t) => {
  const { folder } = scene(t)
  const reader = new SnapshotFolder({ folder })
  let writing = true
  const writers = Promise.all(
    ['x', 'y', 'z'].map((letter) => run(process.execPath, [WRITER, folder, letter, '200000', '40'])),
  )
  const done = writers.finally(() => {
    writing = false
  })
  let seen = 0
  while (writing) {
    const kept = await reader.read('a')
    if (kept === undefined) assert.equal(seen, 0)
    else if (++seen) assert.match(String(kept.value), /^(?:x+|y+|z+)$/)
  }
  for (const { stdout } of await done) assert.equal(stdout, '')
  assert.ok(seen > 0)
  assert.deepEqual(readdirSync(folder), ['a.skein-snapshot'])
})

test('two of one process that write the same name do not tear each other', async (t) => {
  const { open, folder, clock } = scene(t)
  const { lines, log } = warnings()
  const both = [0, 1].map(() => new SnapshotFolder({ folder, clock, log }))
  for (let round = 0; round < 30; round++) {
    for (const [i, one] of both.entries()) one.save('a', `${i}`.repeat(1 + 300_000 * i + round))
    await Promise.all(both.map((one) => one.flush()))
    assert.match(String((await open().read('a'))?.value), /^(?:0+|1+)$/)
  }
  assert.deepEqual(lines, [])
  assert.deepEqual(readdirSync(folder), ['a.skein-snapshot'])
})
