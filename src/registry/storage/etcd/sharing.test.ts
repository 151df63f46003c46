/** Who runs which check: registries that come, go and are cut off, on one virtual clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../core/log.ts'
import { below } from '../../../core/random.ts'
import { Metrics } from '../../../telemetry/metrics.ts'
import { CheckRunner } from '../../checks/runner.ts'
import { registryMetrics } from '../../metrics.ts'
import type { Status } from '../../state/records.ts'
import { rendezvous } from './rendezvous.ts'
import { type Node, Simulation } from './simulation.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 5)
const NODE = 'skein'
const TTL_MS = 10_000

interface Member extends Node {
  readonly checks: CheckRunner
}

async function addMember(simulation: Simulation): Promise<Member> {
  const { clock, random } = simulation
  const node = await simulation.addNode()
  const counters = registryMetrics(new Metrics())
  const checks = new CheckRunner({ store: node.store, node: NODE, clock, random, log: silentLogger, counters })
  checks.start()
  return { ...node, checks }
}

const checkOf = (id: string) => `service:${id}`

async function register(simulation: Simulation, { store }: Member, id: string, ttlMs = TTL_MS): Promise<void> {
  const service = { ID: id, Service: 's', Tags: [], Address: '', Meta: null, Port: 1 }
  const check = { CheckID: checkOf(id), Name: 'c', Status: 'passing', Notes: '', Output: '', ServiceID: id } as const
  await simulation.until(
    store.write({
      type: 'register',
      node: { Node: NODE, ID: '', Address: '127.0.0.1', TaggedAddresses: null, Meta: null },
      skipNodeUpdate: true,
      service: { ...service, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false },
      checks: [
        {
          ...check,
          ...{ Type: 'ttl', Interval: '', Timeout: '', Definition: {} },
          definition: { ttlMs, deregisterAfterMs: 60_000 },
        },
      ],
      keepStatus: true,
      replaceChecks: false,
    }),
  )
}

const statusOf = ({ store }: Member, id: string): Status | undefined =>
  store.state.checks.get(`${NODE}\n${checkOf(id)}`)?.Status

/** Who runs the check; there must not be two of them. */
function owners(members: readonly Member[], id: string): Member[] {
  return members.filter(({ store }) => store.sharing!.owns(checkOf(id)))
}

/** A client that beats at a random one of `members` every third of the TTL until stopped. The dead answer nobody. */
function beating(simulation: Simulation, members: readonly Member[], id: string, ttlMs = TTL_MS) {
  const { clock, random } = simulation
  let timer = clock.after((random() * ttlMs) / 3, beat)
  function beat() {
    const usable = members.filter((member) => !dead.has(member))
    usable[below(random, usable.length)]!.checks.beat(checkOf(id), 'passing', '').catch(() => {})
    timer = clock.after(ttlMs / 3, beat)
  }
  return () => timer.cancel()
}

const dead = new WeakSet<Member>()

/** Counts the changes to critical that anybody is told of. */
function countCritical({ store }: Member): () => number {
  let count = 0
  store.onChanges((changes) => {
    for (const { kind, body } of changes) if (kind === 'check' && body?.Status === 'critical') count++
  })
  return () => count
}

const IDS = Array.from({ length: 12 }, (_, i) => `i${i}`)

test(`beats that hop between registries count, also while one dies and one comes (SKEIN_SEED=${SEED})`, async () => {
  const simulation = new Simulation(SEED)
  const members = [await addMember(simulation), await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  for (const id of IDS) await register(simulation, members[0]!, id)
  const criticals = countCritical(members[0]!)
  const stops = IDS.map((id) => beating(simulation, members, id))
  await simulation.pass(30_000)
  const victim = members[2]!
  const orphans = IDS.filter((id) => owners(members, id)[0] === victim)
  assert.ok(orphans.length > 0)
  victim.etcd.cut = true
  dead.add(victim)
  await simulation.pass(10_000)
  for (const id of IDS) assert.equal(owners(members, id).length, 1, `${id} has one owner within 10 s of the death`)
  members.push(await addMember(simulation))
  await simulation.pass(40_000)
  for (const id of IDS) assert.equal(owners(members, id).length, 1)
  assert.equal(criticals(), 0)

  for (const stop of stops) stop()
  await simulation.pass(TTL_MS + 2000)
  for (const id of IDS) assert.equal(statusOf(members[0]!, id), 'critical', 'silence is still noticed')
  await simulation.pass(62_000)
  assert.equal(members[0]!.store.state.services.size, 0, 'and its service is removed in the end')
})

test('etcd is away for longer than a TTL: nothing turns critical for it, before and after', async () => {
  const simulation = new Simulation(SEED)
  const members = [await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  for (const id of IDS) await register(simulation, members[0]!, id)
  const criticals = countCritical(members[0]!)
  for (const id of IDS) beating(simulation, members, id)
  for (const awayMs of [1500, 4000, 8000, 20_000]) {
    await simulation.pass(7000)
    for (const { etcd } of members) etcd.cut = true
    await simulation.pass(awayMs)
    for (const { etcd } of members) etcd.cut = false
  }
  await simulation.pass(25_000)
  assert.equal(criticals(), 0)
  for (const id of IDS) assert.equal(owners(members, id).length, 1)
})

test('etcd is away for less than a lease, TTLs are as short: beats that could not be passed on expire nothing', async () => {
  const simulation = new Simulation(SEED)
  const members = [await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  for (const id of IDS) await register(simulation, members[0]!, id, 3000)
  const criticals = countCritical(members[0]!)
  for (const id of IDS) beating(simulation, members, id, 3000)
  for (let round = 0; round < 20; round++) {
    await simulation.pass(3000 + below(simulation.random, 1000))
    for (const { etcd } of members) etcd.cut = true
    await simulation.pass(2500 + below(simulation.random, 2500))
    for (const { etcd } of members) etcd.cut = false
  }
  assert.equal(criticals(), 0)
})

test('a check that was critical is not removed early by the registry that takes it over', async () => {
  const simulation = new Simulation(SEED)
  const members = [await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  for (const id of IDS) await register(simulation, members[0]!, id)
  await simulation.pass(TTL_MS + 40_000)
  assert.equal(statusOf(members[0]!, 'i0'), 'critical')
  const [owner] = owners(members, 'i0')
  const other = members.find((member) => member !== owner)!
  owner!.etcd.cut = true
  await simulation.pass(40_000)
  assert.ok(other.store.state.services.has(`${NODE}\ni0`), 'a minute counts from the take-over')
  await simulation.pass(40_000)
  assert.equal(other.store.state.services.size, 0)
})

test('a removal decided on an old view does not remove what has recovered', async () => {
  const simulation = new Simulation(SEED)
  const [behind, ahead] = [await addMember(simulation), await addMember(simulation)]
  await register(simulation, ahead, 'i0')
  const set = (status: Status) =>
    ahead.store.write({ type: 'set-status', node: NODE, checkId: checkOf('i0'), status, output: '' })
  await simulation.until(set('critical'))
  await simulation.pass(100)
  behind.etcd.lagMs = 2000
  await simulation.until(set('passing'))
  assert.equal(statusOf(behind, 'i0'), 'critical', 'it has not heard')
  const removal = { type: 'deregister', node: NODE, serviceId: 'i0', ifCritical: checkOf('i0') } as const
  assert.equal(await simulation.until(behind.store.write(removal)), false)
  assert.ok(ahead.store.state.services.has(`${NODE}\ni0`))
})

test('who says that it fails is believed by a registry that has not heard that it passed in between', async () => {
  const simulation = new Simulation(SEED)
  const [behind, ahead] = [await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  await register(simulation, ahead, 'i0')
  await simulation.until(ahead.checks.beat(checkOf('i0'), 'critical', ''))
  await simulation.pass(100)
  behind.etcd.lagMs = 1500
  await simulation.pass(20) // what is under way still comes at once
  await simulation.until(ahead.checks.beat(checkOf('i0'), 'passing', ''))
  assert.equal(statusOf(behind, 'i0'), 'critical', 'it has not heard')
  await simulation.until(behind.checks.beat(checkOf('i0'), 'critical', ''))
  await simulation.pass(1000)
  assert.equal(statusOf(ahead, 'i0'), 'critical')
})

test('a registry that leaves hands over at once', async () => {
  const simulation = new Simulation(SEED)
  const [stays, leaves] = [await addMember(simulation), await addMember(simulation)]
  await simulation.pass(1000)
  leaves.checks.stop()
  await simulation.until(leaves.store.close())
  await simulation.pass(200)
  for (const id of IDS) assert.ok(stays.store.sharing!.owns(checkOf(id)))
})

test('rendezvous: a fair share for each, and only the keys of the one who goes move', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => `service:web-${i}`)
  const members = ['a', 'b', 'c']
  const before = keys.map((key) => rendezvous(members, key))
  for (const member of members) {
    const share = before.filter((owner) => owner === member).length
    assert.ok(Math.abs(share - 1000) < 5 * Math.sqrt(667), `${member}: ${share}`)
  }
  const after = keys.map((key) => rendezvous(['c', 'a'], key))
  for (const [i, owner] of before.entries()) if (owner !== 'b') assert.equal(after[i], owner)
  assert.equal(rendezvous([], 'x'), undefined)
})
