import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { SqliteStorage } from '../storage/sqlite.ts'
import { Store } from '../store.ts'
import { instance, testRegistry } from '../test-kit.fixture.ts'
import type { Entry } from './contract.ts'
import { changeOf, note, testHistory } from './history.suite.ts'
import { because } from './origin.ts'
import { RingHistory } from './ring.ts'
import { SqliteHistory } from './sqlite.ts'

testHistory('memory', (max) => {
  const ring = new RingHistory(max)
  return { list: (query) => ring.list(query), record: (taken, Index) => ring.add([{ Index, ...taken }]) }
})

testHistory('SQLite', (max) => {
  const history = new SqliteHistory(new DatabaseSync(':memory:'), max)
  return { list: (query) => history.list(query), record: (taken, index) => history.add([changeOf(taken)], index) }
})

test('SQLite: is bounded also where no run writes much', () => {
  const db = new DatabaseSync(':memory:')
  for (let run = 0; run < 40; run++) {
    const history = new SqliteHistory(db, 100)
    for (let i = 0; i < 20; i++) history.add([changeOf(note(0))], run * 20 + i)
  }
  assert.ok(new SqliteHistory(db, 100).list({ last: 1000 }).length <= 120)
})

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'skein-history-'))
  return { file: join(path, 'registry.db'), [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

test('the life of an instance: who did what, why, also after a restart; the token is not told', async () => {
  using disk = folder()
  const clock = new VirtualClock()
  const options = { storage: { sqlite: disk.file }, token: 'secret', clock }
  const headers = { 'x-consul-token': 'secret' }
  const told = async (registry: Awaited<ReturnType<typeof testRegistry>>, query: string) =>
    (await registry.get(`/v1/skein/history?${query}`, undefined, headers)).json() as Entry[]
  {
    await using registry = await testRegistry(options)
    const check = { TTL: '10s', Status: 'passing', DeregisterCriticalServiceAfter: '1m' }
    const put = (path: string, body?: unknown) => registry.put(path, body, headers)
    await put('/v1/agent/service/register', instance('web', 'web1', { Check: check }))
    await put('/v1/agent/service/register', instance('web', 'web1', { Check: check }))
    await put('/v1/agent/service/register', instance('web', 'web1', { Check: check, Tags: ['blue'] }))
    await put('/v1/agent/check/warn/service:web1?note=tired')
    await put('/v1/kv/skein/gateway/main', 'x')
    await put('/v1/kv/mine', 'x')
    const until = async (path: string, holds: (found: unknown[]) => boolean) => {
      for (let index = 0; ; ) {
        const reply = await registry.get(`${path}?index=${index}`, undefined, headers)
        if (holds(reply.json() as unknown[])) return
        index = reply.index
      }
    }
    clock.advance(10_000)
    await until('/v1/health/state/critical', (found) => found.length > 0)
    clock.advance(60_000)
    await until('/v1/health/service/web', (found) => found.length === 0)
  }
  await using registry = await testRegistry(options)
  const entries = await told(registry, 'service=web')
  assert.deepEqual(
    entries.map(({ Kind, From, To, Cause }) => [Kind, From, To, Cause]),
    [
      ['register', undefined, undefined, 'api'],
      ['update', undefined, undefined, 'api'],
      ['status', 'passing', 'warning', 'api'],
      ['status', 'warning', 'critical', 'ttl'],
      ['deregister', undefined, undefined, 'reaper'],
    ],
  )
  const [first, second, third, fourth] = entries
  assert.deepEqual([first?.Actor, first?.Token, second?.Detail], ['127.0.0.1', '2bb80d53', 'Tags'])
  assert.deepEqual(
    [third?.Detail, fourth?.Detail, fourth?.Actor],
    ['tired', 'TTL expired (last output before timeout follows): tired', undefined],
  )
  assert.deepEqual(
    entries.map(({ Index }) => Index),
    entries.map(({ Index }) => Index).sort((a, b) => a - b),
  )
  assert.deepEqual(
    (await told(registry, 'kind=kv')).map(({ Key, Detail }) => [Key, Detail]),
    [['skein/gateway/main', 'created']],
  )
  assert.ok((await told(registry, 'node=node1')).some(({ Cause }) => Cause === 'restart'))
  clock.advance(1000)
  assert.deepEqual(await told(registry, 'since=1ms'), [])
  assert.equal((await told(registry, 'last=2')).length, 2)
  for (const bad of ['since=x', 'last=0', 'last=x']) {
    assert.equal((await registry.get(`/v1/skein/history?${bad}`, undefined, headers)).status, 400)
  }
})

const KEY = { type: 'kv-set', key: 'skein/k', flags: '0' } as const

test('a write that the disk refuses leaves no history', async () => {
  using disk = folder()
  const store = new Store(new SqliteStorage({ file: disk.file, maxBytes: 200_000 }))
  await store.open()
  await store.write({ ...KEY, value: 'eA==' })
  const large = Buffer.alloc(300_000).toString('base64')
  await assert.rejects(store.write({ ...KEY, value: large }), /full/)
  assert.deepEqual(
    store.history.list({ last: 10 }).map(({ Index, Detail }) => [Index, Detail]),
    [[1, 'created']],
  )
  await store.close()
})

test('a file from before history was kept is taken as it is, and keeps history from then on', async () => {
  using disk = folder()
  const store = () => new Store(new SqliteStorage({ file: disk.file }))
  const first = store()
  await first.open()
  await first.write({ ...KEY, value: 'eA==' })
  await first.close()
  const db = new DatabaseSync(disk.file)
  db.exec('DROP TABLE history')
  db.close()
  const second = store()
  await second.open()
  assert.equal(second.state.kv.size, 1)
  await second.write({ ...KEY, value: 'eQ==' })
  assert.deepEqual(
    second.history.list({ last: 10 }).map(({ Detail }) => Detail),
    ['changed'],
  )
  await second.close()
})

/** Shared as etcd is: changes come back without notes, as from a watch. */
class Shared extends MemoryStorage {
  override write(decide: Parameters<MemoryStorage['write']>[0]) {
    return super.write(() => decide().map(({ note: _note, ...change }) => change as typeof change & { kind: 'kv' }))
  }
  async catchUp() {
    return true
  }
}

test('on a store shared with others: own writes with their origin, those of others without', async () => {
  const store = new Store(new Shared())
  await store.open()
  await because({ Cause: 'api', Actor: '::1' }, () => store.write({ ...KEY, value: 'eA==' }))
  store.apply([{ kind: 'kv', key: 'skein/k', body: null }], 2)
  store.publish()
  const entries = store.history.list({ last: 10 })
  assert.deepEqual(
    entries.map(({ Index, Detail, Cause }) => [Index, Detail, Cause]),
    [
      [1, 'created', 'api'],
      [2, 'deleted', 'unknown'],
    ],
  )
})

test('on a store shared with others: what a first try meant to write is not taken for our own when another writes it', async () => {
  const deciding = { first: () => {} }
  class Conflicting extends Shared {
    override write(decide: Parameters<MemoryStorage['write']>[0]) {
      decide()
      deciding.first()
      return super.write(decide)
    }
  }
  const store = new Store(new Conflicting())
  await store.open()
  deciding.first = () => {
    const body = { Key: 'skein/k', Value: 'eA==', Flags: '0', LockIndex: 0 }
    store.apply([{ kind: 'kv', key: 'skein/k', body }], 1, false)
    store.publish()
  }
  await because({ Cause: 'api', Actor: '::1' }, () => store.write({ ...KEY, value: 'eQ==' }))
  deciding.first = () => {}
  store.apply([{ kind: 'kv', key: 'skein/k', body: null }], 3)
  store.apply([{ kind: 'kv', key: 'skein/k', body: { Key: 'skein/k', Value: 'eA==', Flags: '0', LockIndex: 0 } }], 4)
  store.publish()
  assert.deepEqual(
    store.history.list({ last: 10 }).map(({ Detail, Cause }) => [Detail, Cause]),
    [
      ['created', 'unknown'],
      ['changed', 'api'],
      ['deleted', 'unknown'],
      ['created', 'unknown'],
    ],
  )
})
