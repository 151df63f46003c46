/** The time of sessions on leases: registries that come, go and are cut off, on one virtual clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../core/log.ts'
import { below } from '../../../core/random.ts'
import { SessionKeeper } from '../../session-keeper.ts'
import type { SessionBody } from '../../state/records.ts'
import type { FakeCluster } from './fake-etcd.fixture.ts'
import { type Node, Simulation } from './simulation.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 9)
const TTL_MS = 10_000
const SESSION: SessionBody = {
  ...{ ID: 's', Name: '', Node: 'n1', LockDelay: 0, Behavior: 'release', TTL: '10s' },
  ...{ NodeChecks: [], ServiceChecks: null },
}
/** How late an end may come: etcd looks for leases that are over, then the end is doubted, then written. */
const LATE_MS = 4000

interface Keeping extends Node {
  readonly keeper: SessionKeeper
}

async function addKeeper(simulation: Simulation): Promise<Keeping> {
  const { clock, random } = simulation
  const node = await simulation.addNode()
  const keeper = new SessionKeeper({ store: node.store, node: 'n1', clock, random, log: silentLogger })
  keeper.start()
  return { ...node, keeper }
}

async function create(simulation: Simulation, { store }: Node, session = SESSION): Promise<void> {
  const node = { Node: 'n1', ID: '', Address: '127.0.0.1', TaggedAddresses: null, Meta: null }
  const rest = { skipNodeUpdate: true, checks: [], keepStatus: true, replaceChecks: false }
  await simulation.until(store.write({ type: 'register', node, ...rest }))
  await simulation.until(store.write({ type: 'session-create', session }))
  const lock = { type: 'kv-set', key: `lock-${session.ID}`, value: '', flags: '0', acquire: session.ID } as const
  assert.equal(await simulation.until(store.write(lock)), true)
}

const has = ({ store }: Node, id = 's') => store.state.sessions.has(id)
const holder = ({ store }: Node, id = 's') => store.state.kv.get(`lock-${id}`)?.Session
const aliveKey = ({ data }: FakeCluster, id = 's') => data.get(`/skein/alive/${id}`)

/** etcd itself keeps its leases, whether or not a registry looks on. */
async function pass(simulation: Simulation, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await simulation.pass(100, 10)
    simulation.cluster.expire()
  }
}

test('a session that nobody renews ends after twice its TTL, not before, and frees its keys', async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, nodes[0]!)
  await pass(simulation, 2 * TTL_MS - 1000)
  for (const node of nodes) assert.equal(has(node), true)
  await pass(simulation, 1000 + LATE_MS)
  for (const node of nodes) assert.deepEqual([has(node), holder(node)], [false, undefined])
  await simulation.close()
})

test('renewals at any registry count, and are no writes', async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, nodes[0]!)
  await pass(simulation, 1000)
  const { index } = nodes[0]!.store.state
  for (let round = 0; round < 10; round++) {
    await pass(simulation, TTL_MS + below(simulation.random, TTL_MS - 1000))
    assert.equal(await simulation.until(nodes[below(simulation.random, 3)]!.keeper.renew('s')), true)
  }
  assert.equal(nodes[0]!.store.state.index, index)
  await pass(simulation, 2 * TTL_MS + LATE_MS)
  assert.equal(has(nodes[1]!), false)
  await assert.doesNotReject(async () => assert.equal(await nodes[1]!.keeper.renew('s'), false))
  await simulation.close()
})

test('all registries die: the time goes on, and who starts later ends what is over, and that only', async () => {
  const simulation = new Simulation(SEED)
  const first = await addKeeper(simulation)
  await create(simulation, first)
  await create(simulation, first, { ...SESSION, ID: 'long', TTL: '1h' })
  await create(simulation, first, { ...SESSION, ID: 'forever', TTL: '' })
  first.keeper.stop()
  first.etcd.cut = true
  await pass(simulation, 2 * TTL_MS + 1000)
  const later = await addKeeper(simulation)
  assert.equal(has(later), true)
  await pass(simulation, LATE_MS)
  assert.deepEqual([has(later), holder(later)], [false, undefined])
  assert.deepEqual([has(later, 'long'), has(later, 'forever')], [true, true])
  assert.equal(holder(later, 'long'), 'long')
  first.etcd.cut = false
  await simulation.close()
})

test('a registry that was cut off has not seen the end: it learns of it, whoever else ended it', async () => {
  const simulation = new Simulation(SEED)
  const [away, other] = [await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, away)
  away.etcd.cut = true
  away.etcd.breakWatches()
  await pass(simulation, 2 * TTL_MS + LATE_MS)
  assert.deepEqual([has(away), has(other)], [true, false])
  away.etcd.cut = false
  await pass(simulation, LATE_MS)
  assert.equal(has(away), false)
  await simulation.close()
})

test('a lease revoked too early, by a leader that is none any more: who took the renewal brings it back', async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, nodes[0]!)
  for (let round = 0; round < 5; round++) {
    await pass(simulation, TTL_MS)
    assert.equal(await simulation.until(nodes[round % 3]!.keeper.renew('s')), true)
    simulation.cluster.revoke(aliveKey(simulation.cluster)!.lease!)
    await pass(simulation, LATE_MS)
    for (const node of nodes) assert.deepEqual([has(node), holder(node)], [true, 's'])
    assert.ok(aliveKey(simulation.cluster))
  }
  await pass(simulation, 2 * TTL_MS + LATE_MS)
  assert.equal(has(nodes[0]!), false, 'it ends like any other')
  await simulation.close()
})

test('a lease revoked too early while nobody’s watch was up, with calls that fail', async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, nodes[0]!)
  const { faults } = simulation.cluster
  for (let round = 0; round < 6; round++) {
    await pass(simulation, TTL_MS)
    assert.equal(await simulation.until(nodes[round % 3]!.keeper.renew('s')), true)
    for (const { etcd } of nodes) etcd.breakWatches()
    simulation.cluster.revoke(aliveKey(simulation.cluster)!.lease!)
    simulation.cluster.faults = { ...faults, failedCall: 0.3 }
    await pass(simulation, LATE_MS)
    simulation.cluster.faults = faults
    await pass(simulation, LATE_MS)
    for (const node of nodes) assert.deepEqual([has(node), holder(node)], [true, 's'], `round ${round}`)
  }
  await pass(simulation, 2 * TTL_MS + LATE_MS)
  assert.equal(has(nodes[0]!), false)
  await simulation.close()
})

test('destroyed by its owner, a session takes its key along, and nobody brings it back', async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation)]
  await create(simulation, nodes[0]!)
  assert.equal(await simulation.until(nodes[0]!.keeper.renew('s')), true)
  await simulation.until(nodes[0]!.store.write({ type: 'session-end', id: 's' }))
  assert.equal(aliveKey(simulation.cluster), undefined)
  await pass(simulation, LATE_MS)
  for (const node of nodes) assert.equal(has(node), false)
  await simulation.close()
})

test(`watches that repeat, omit and go back in time end no session early and keep none (SKEIN_SEED=${SEED})`, async () => {
  const simulation = new Simulation(SEED)
  const nodes = [await addKeeper(simulation), await addKeeper(simulation), await addKeeper(simulation)]
  const ids = Array.from({ length: 6 }, (_, i) => `s${i}`)
  for (const ID of ids) await create(simulation, nodes[0]!, { ...SESSION, ID })
  const { faults } = simulation.cluster
  simulation.cluster.faults = { ...faults, lostMessage: 0.1, repeatedMessage: 0.1, oldMessage: 0.1, endedWatch: 0.05 }
  for (let round = 0; round < 8; round++) {
    await pass(simulation, TTL_MS)
    for (const id of ids.slice(0, 3)) {
      assert.equal(await simulation.until(nodes[below(simulation.random, 3)]!.keeper.renew(id)), true)
    }
    await simulation.until(nodes[0]!.store.write({ type: 'kv-set', key: 'k', value: String(round), flags: '0' }))
  }
  simulation.cluster.faults = faults
  await pass(simulation, LATE_MS)
  for (const node of nodes) assert.deepEqual([...node.store.state.sessions.keys()].sort(), ids.slice(0, 3))
  await simulation.close()
})
