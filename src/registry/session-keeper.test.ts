import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { SessionKeeper } from './session-keeper.ts'
import type { SessionTime, SessionTimeListener } from './session-time.ts'
import type { NodeBody, SessionBody } from './state/records.ts'
import { MemoryStorage } from './storage/memory.ts'
import { SqliteStorage } from './storage/sqlite.ts'
import type { Decide, Storage } from './storage.ts'
import { Store } from './store.ts'
import { testRegistry } from './test-kit.fixture.ts'

const NODE: NodeBody = { Node: 'n1', ID: '', Address: '127.0.0.1', TaggedAddresses: null, Meta: null }
const SESSION: SessionBody = {
  ...{ ID: 's', Name: '', Node: 'n1', LockDelay: 2e9, Behavior: 'release', TTL: '10s' },
  ...{ NodeChecks: [], ServiceChecks: null },
}

/** Everything written so far is decided, and what the timers started too. */
const settle = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

async function opened(storage: Storage, clock: VirtualClock, keepers = 1) {
  const store = new Store(storage)
  await store.open()
  const tools = { store, node: 'n1', clock, random: () => 0, log: silentLogger }
  const running = Array.from({ length: keepers }, () => new SessionKeeper(tools))
  for (const keeper of running) keeper.start()
  const lock = (session = 's') => store.write({ type: 'kv-set', key: 'k', value: '', flags: '0', acquire: session })
  const pass = async (ms: number) => {
    clock.advance(ms)
    await settle()
  }
  return { store, keepers: running, lock, pass, alive: () => store.state.sessions.has('s') }
}

async function withSession(store: Store, session: SessionBody = SESSION): Promise<void> {
  const rest = { skipNodeUpdate: true, checks: [], keepStatus: true, replaceChecks: false }
  await store.write({ type: 'register', node: NODE, ...rest })
  await store.write({ type: 'session-create', session })
}

test('a session ends after twice its TTL, a renewal starts it anew', async () => {
  const { store, keepers, pass, alive } = await opened(new MemoryStorage(), new VirtualClock())
  await withSession(store)
  await pass(19_999)
  assert.equal(await keepers[0]!.renew('s'), true)
  await pass(19_999)
  assert.equal(alive(), true)
  await pass(1)
  assert.equal(alive(), false)
  assert.equal(await keepers[0]!.renew('s'), false)
})

test('a session without a TTL stays; a stopped keeper ends none', async () => {
  const { store, keepers, pass, alive } = await opened(new MemoryStorage(), new VirtualClock())
  await withSession(store, { ...SESSION, TTL: '' })
  await store.write({ type: 'session-create', session: { ...SESSION, ID: 't' } })
  keepers[0]!.stop()
  await pass(86_400_000)
  assert.equal(alive(), true)
  assert.equal(store.state.sessions.has('t'), true)
})

test('keys of a session that ended refuse locks for its LockDelay, to the millisecond', async () => {
  const { store, lock, pass } = await opened(new MemoryStorage(), new VirtualClock())
  await withSession(store, { ...SESSION, TTL: '' })
  await store.write({ type: 'session-create', session: { ...SESSION, ID: 't', TTL: '' } })
  assert.equal(await lock(), true)
  await store.write({ type: 'session-end', id: 's' })
  assert.equal(store.state.kv.get('k')!.Session, undefined)
  await pass(1999)
  assert.equal(await lock('t'), false)
  await pass(1)
  assert.equal(await lock('t'), true)
})

test('a LockDelay above a minute is one minute; a new end counts from then', async () => {
  const { store, lock, pass } = await opened(new MemoryStorage(), new VirtualClock())
  for (const ID of ['s', 't', 'u']) await withSession(store, { ...SESSION, ID, LockDelay: 3600e9, TTL: '' })
  await lock('s')
  await store.write({ type: 'session-end', id: 's' })
  await pass(59_999)
  assert.equal(await lock('t'), false)
  await pass(1)
  assert.equal(await lock('t'), true)
  await store.write({ type: 'session-end', id: 't' })
  await store.write({ type: 'delay-end', key: 'k', session: 's' })
  assert.equal(await lock('u'), false, 'the end of the first delay is not the end of the second')
})

test('after a restart sessions have a full TTL and delays begin anew', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-sessions-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'registry.db')
  const first = await opened(new SqliteStorage({ file }), new VirtualClock())
  await withSession(first.store)
  await first.store.write({ type: 'session-create', session: { ...SESSION, ID: 't', LockDelay: 5e9, TTL: '' } })
  await first.lock('t')
  await first.store.write({ type: 'session-end', id: 't' })
  await first.pass(4000)
  first.keepers[0]!.stop()
  await first.store.close()

  const second = await opened(new SqliteStorage({ file }), new VirtualClock())
  await second.pass(4999)
  assert.equal(await second.lock(), false)
  await second.pass(1)
  assert.equal(await second.lock(), true)
  await second.pass(14_999)
  assert.equal(second.alive(), true)
  assert.equal(second.store.state.kv.get('k')!.Session, 's')
  await second.pass(1)
  assert.equal(second.alive(), false)
  second.keepers[0]!.stop()
  await second.store.close()
})

/** What several registries write to, here two keepers with one view, and that keeps the time of sessions. */
class SharedStorage extends MemoryStorage {
  running = true
  renewed = 0
  readonly listeners = new Set<SessionTimeListener>()
  readonly sessionTime: SessionTime = {
    renew: async () => {
      this.renewed++
      return this.running
    },
    isRunning: () => this.running,
    start: (listener) => {
      this.listeners.add(listener)
      return () => this.listeners.delete(listener)
    },
  }
  catchUp = async () => true
}

test('where the store keeps the time: no timer of ours ends a session, the store’s word does, after a moment', async () => {
  const storage = new SharedStorage()
  const { store, keepers, pass, alive, lock } = await opened(storage, new VirtualClock(), 2)
  await withSession(store)
  await lock()
  await pass(86_400_000)
  assert.equal(alive(), true)
  const { index } = store.state
  assert.equal(await keepers[1]!.renew('s'), true)
  assert.deepEqual([storage.renewed, store.state.index], [1, index], 'a renewal is no write')
  storage.running = false
  for (const listener of storage.listeners) listener.onOver('s')
  await pass(999)
  assert.equal(alive(), true)
  await pass(1)
  assert.equal(alive(), false)
  assert.equal(store.state.kv.get('k')!.Session, undefined)
})

test('a time that was ended by mistake begins anew by a write, and an end that was decided before does not count', async () => {
  const storage = new SharedStorage()
  const { store, pass, alive } = await opened(storage, new VirtualClock(), 2)
  await withSession(store)
  const [knows, doubts] = [...storage.listeners] as [SessionTimeListener, SessionTimeListener]
  storage.running = false
  doubts.onOver('s')
  knows.onMistake('s')
  await pass(500)
  assert.equal(await store.write({ type: 'session-end', id: 's', renewals: 0 }), false)
  storage.running = true
  await pass(5000)
  assert.equal(alive(), true)
})

test('what went over while nobody looked is found by looking at each', async () => {
  const storage = new SharedStorage()
  const { store, pass, alive } = await opened(storage, new VirtualClock(), 2)
  await withSession(store)
  storage.running = false
  for (const listener of storage.listeners) listener.onDoubt()
  await pass(1000)
  assert.equal(alive(), false)
  await withSession(store)
  await pass(1000)
  assert.equal(alive(), false, 'one that comes and is over')
})

test('an end that could not be stored is tried again', async () => {
  class Sick extends MemoryStorage {
    sick = false
    override write(decide: Decide): Promise<void> {
      return this.sick ? Promise.reject(new Error('disk full')) : super.write(decide)
    }
  }
  const storage = new Sick()
  const { store, lock, pass, alive } = await opened(storage, new VirtualClock())
  await withSession(store)
  await lock()
  storage.sick = true
  await pass(20_000)
  assert.equal(alive(), true)
  storage.sick = false
  await pass(20_000)
  assert.equal(alive(), false)
  storage.sick = true
  await pass(2000)
  assert.equal(store.state.delays.size, 1)
  storage.sick = false
  await pass(1000)
  assert.equal(store.state.delays.size, 0)
})

test('whoever waits for a lock or for the sessions is woken by the end of the session', async () => {
  const clock = new VirtualClock()
  await using registry = await testRegistry({ clock, sessionTtlMinMs: 100 })
  const session = await registry.put('/v1/session/create', { TTL: '100ms', LockDelay: '0s' })
  const { ID } = session.json() as { ID: string }
  assert.equal((await registry.put(`/v1/kv/lock?acquire=${ID}`, 'x')).text, 'true')
  const { index } = await registry.get('/v1/kv/lock')
  const held = Promise.all([
    registry.get(`/v1/kv/lock?index=${index}&wait=60s`),
    registry.get(`/v1/session/list?index=${index}&wait=60s`),
  ])
  while (!/^skein_registry_blocking_queries 2$/m.test((await registry.get('/metrics')).text)) await settle()
  clock.advance(200)
  const [lock, list] = await held
  assert.equal(lock.index, index + 1)
  assert.doesNotMatch(lock.text, /Session/)
  assert.equal(list.text, '[]')
  assert.equal(list.index, index + 1)
})
