/** Many registries, clients that hop between them, and every fault at once; each run is repeatable by its seed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below } from '../../../core/random.ts'
import type { Command } from '../../state/commands.ts'
import type { KvBody } from '../../state/records.ts'
import { type Faults, NO_FAULTS } from './fake-etcd.fixture.ts'
import { Keys } from './keys.ts'
import { type Node, Simulation } from './simulation.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 11)
const RUNS = 6

const ALL_FAULTS: Faults = {
  repeatedCall: 0.1,
  failedCall: 0.05,
  repeatedMessage: 0.1,
  lostMessage: 0.05,
  tornMessage: 0.05,
  oldMessage: 0.03,
  endedWatch: 0.03,
}

/** Alone, each must be noticed by what it is; together one mends what another broke. */
const PROFILES: readonly Faults[] = [
  ALL_FAULTS,
  { ...NO_FAULTS, lostMessage: 0.1 },
  { ...NO_FAULTS, tornMessage: 0.2 },
  { ...NO_FAULTS, repeatedMessage: 0.2, oldMessage: 0.1 },
  { ...NO_FAULTS, endedWatch: 0.1, failedCall: 0.1, repeatedCall: 0.1 },
  NO_FAULTS,
]

const QUERIES = [
  '/v1/health/service/s0',
  '/v1/health/service/s1',
  '/v1/kv/k1',
  '/v1/kv/k?recurse',
  '/v1/catalog/services',
]

function randomCommand(simulation: Simulation): Command {
  const pick = (n: number) => below(simulation.random, n)
  const node = { Node: `n${pick(2)}`, ID: '', Address: '127.0.0.1', TaggedAddresses: null, Meta: null }
  const [name, id, key] = [`s${pick(2)}`, `i${pick(3)}`, `k${pick(4)}`]
  const check = { CheckID: `c-${id}`, Name: 'c', Status: 'passing', Notes: '', Output: '', ServiceID: id } as const
  const service = { ID: id, Service: name, Tags: [], Address: '', Meta: null, Port: pick(9) }
  const commands: Command[] = [
    {
      type: 'register',
      node,
      skipNodeUpdate: true,
      service: { ...service, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false },
      checks: [{ ...check, Type: 'ttl', Interval: '', Timeout: '', Definition: {} }],
      keepStatus: true,
      replaceChecks: false,
    },
    {
      type: 'set-status',
      node: node.Node,
      checkId: check.CheckID,
      status: pick(2) ? 'passing' : 'critical',
      output: '',
    },
    { type: 'deregister', node: node.Node, serviceId: id },
    { type: 'deregister', node: node.Node },
    { type: 'kv-set', key, value: String(pick(5)), flags: '0' },
    { type: 'kv-delete', key, recurse: pick(3) === 0 },
  ]
  return commands[[0, 0, 0, 1, 1, 1, 2, 3, 4, 4, 5][pick(11)]!]!
}

/** Watches one thing for ever, each time at a random registry, by the rules for clients. */
class Hopper {
  readonly query: string
  body = ''
  stopped = false
  readonly #simulation: Simulation

  constructor(simulation: Simulation, query: string) {
    this.#simulation = simulation
    this.query = query
  }

  async run(): Promise<void> {
    const { random, nodes } = this.#simulation
    const [path = '', more] = this.query.split('?')
    for (let index = 0; !this.stopped; ) {
      const mode = random() < 0.5 ? '&stale' : ''
      const reading = await nodes[below(random, nodes.length)]!.ask(
        path,
        `index=${index}&wait=10m${mode}&${more ?? ''}`,
      )
      index = reading.index < index ? 0 : reading.index
      this.body = reading.body
    }
  }
}

async function runWrites(simulation: Simulation, node: Node, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await node.store.write(randomCommand(simulation)).catch((error) => {
      if (error.code !== 'STORAGE_FAILED' && error.name !== 'Refusal') throw error
    })
  }
}

async function disturb(simulation: Simulation, only: Faults): Promise<void> {
  const { nodes, random, cluster } = simulation
  if (only !== ALL_FAULTS && only !== NO_FAULTS) return simulation.pass(50)
  const victim = nodes[below(random, nodes.length)]!
  const what = below(random, 4)
  if (what === 0) cluster.compact()
  if (what === 1) victim.etcd.breakWatches()
  if (what === 2) victim.etcd.cut = true
  await simulation.pass(below(random, 400))
  victim.etcd.cut = false
}

for (let run = 0; run < RUNS; run++) {
  test(`E1: after quiet, every hopping client holds the final set (SKEIN_SEED=${SEED}, run ${run})`, async () => {
    const simulation = new Simulation(SEED + run)
    for (const lagMs of [3, 8, 60]) await simulation.addNode(lagMs)
    const faults = PROFILES[run % PROFILES.length]!
    simulation.cluster.faults = faults
    const hoppers = [...QUERIES, ...QUERIES].map((query) => new Hopper(simulation, query))
    const running = hoppers.map((hopper) => hopper.run())
    const writes = Promise.all(simulation.nodes.map((node) => runWrites(simulation, node, 60)))
    let writing = true
    writes.finally(() => {
      writing = false
    })
    while (writing) await disturb(simulation, faults)
    await writes
    simulation.cluster.faults = NO_FAULTS
    await simulation.pass(15_000)

    const fresh = await simulation.addNode()
    for (const { body, query } of hoppers) {
      const [path = '', parameters] = query.split('?')
      const final = await simulation.until(fresh.ask(path, parameters))
      assert.equal(body, final.body, `${query}`)
    }
    for (const hopper of hoppers) hopper.stopped = true
    for (const { store } of simulation.nodes) store.hub.close()
    await simulation.until(Promise.all(running))
    await simulation.close()
  })
}

test(`compare-and-set from three registries: no success is lost, none is counted twice (SKEIN_SEED=${SEED})`, async () => {
  const simulation = new Simulation(SEED)
  for (const lagMs of [3, 8, 20]) await simulation.addNode(lagMs)
  simulation.cluster.faults = { ...ALL_FAULTS, failedCall: 0 }
  let successes = 0
  const count = async ({ store }: Node) => {
    for (let i = 0; i < 40; i++) {
      const before = store.state.kv.get('n')
      const value = String(Number(before?.Value ?? '0') + 1)
      const cas = before?.ModifyIndex ?? 0
      if (await store.write({ type: 'kv-set', key: 'n', value, flags: '0', cas })) successes++
    }
  }
  await simulation.until(Promise.all(simulation.nodes.map(count)))
  assert.ok(successes >= 40, `${successes}`)
  assert.equal(JSON.parse(simulation.cluster.data.get('/skein/record/kv/n')!.value).Value, String(successes))
  await simulation.close()
})

test(`an answer is lost for as long as hundreds of writes of others take: nothing happens twice (SKEIN_SEED=${SEED})`, async () => {
  const simulation = new Simulation(SEED)
  const [unlucky, ...others] = [await simulation.addNode(), await simulation.addNode(), await simulation.addNode()]
  unlucky!.etcd.patienceMs = 2000
  simulation.cluster.faults = { ...NO_FAULTS, repeatedCall: 0.2 }
  let writing = true
  let written = 0
  const running = others.map(async ({ store }, i) => {
    for (; writing; written++) {
      await store.write({ type: 'kv-set', key: 'n', value: `other-${i}-${written}`, flags: '0' })
    }
  })
  const values: string[] = []
  unlucky!.store.onChanges((changes) => {
    for (const { key, body } of changes) if (key === 'n') values.push((body as KvBody).Value)
  })
  for (let i = 0; i < 40; i++) {
    const set = unlucky!.store.write({ type: 'kv-set', key: 'n', value: String(i), flags: '0' })
    assert.equal(await simulation.until(set), true)
  }
  writing = false
  await simulation.until(Promise.all(running))
  assert.ok(written > 1000, `${written}`)
  assert.deepEqual(
    values.filter((value) => !value.startsWith('other')),
    Array.from({ length: 40 }, (_, i) => String(i)),
  )
  await simulation.close()
})

test('etcd answers reads with what was: a consistent read is not taken in', async () => {
  const simulation = new Simulation(SEED)
  const [writes, reads] = [await simulation.addNode(), await simulation.addNode()]
  reads!.etcd.sleepy = true
  reads!.etcd.lagMs = 200
  for (let i = 0; i < 10; i++) {
    const value = Buffer.from(String(i)).toString('base64')
    await simulation.until(writes!.store.write({ type: 'kv-set', key: 'k', value, flags: '0' }))
    assert.match((await simulation.until(reads!.ask('/v1/kv/k', 'consistent'))).body, new RegExp(`"Value":"${value}"`))
  }
  await simulation.close()
})

test('a registry whose writes take long gets its turn among others who write without a pause', async () => {
  const simulation = new Simulation(SEED)
  const [slow, ...fast] = [await simulation.addNode(), await simulation.addNode(), await simulation.addNode()]
  for (const { store } of simulation.nodes) store.sharing!.start({ onShift() {}, onBeat() {}, onDoubt() {} })
  await simulation.pass(100)
  slow!.etcd.slownessMs = 100
  let writing = true
  const counts = fast.map(() => 0)
  const running = fast.map(async ({ store }, i) => {
    for (; writing; counts[i]!++) await store.write({ type: 'kv-set', key: `f${i}`, value: `${counts[i]}`, flags: '0' })
  })
  for (let i = 0; i < 20; i++) {
    const write = slow!.store.write({ type: 'kv-set', key: 's', value: String(i), flags: '0' })
    await simulation.until(write, 3000)
  }
  assert.ok(
    counts.every((count) => count > 100),
    `the others write on: ${counts}`,
  )
  writing = false
  await simulation.until(Promise.all(running))
  await simulation.close()
})

test('a registry that asked for its turn and then has nothing to write holds up the others once', async () => {
  const simulation = new Simulation(SEED)
  const { store } = await simulation.addNode()
  const { turns } = new Keys('/skein', () => {})
  const write = (i: number) => store.write({ type: 'kv-set', key: 'k', value: String(i), flags: '0' })
  await simulation.until(write(0), 100)
  // What it lost its races for has been written by another, say.
  const lease = simulation.cluster.grant(600)
  simulation.cluster.write([{ put: `${turns}other`, value: '', lease }])
  await simulation.pass(100)
  await simulation.until(write(1), 1100)
  for (let i = 2; i < 10; i++) await simulation.until(write(i), 100)
  simulation.cluster.write([{ put: `${turns}other`, value: '', lease }])
  await simulation.pass(100)
  await assert.rejects(simulation.until(write(10), 100), /not done/, 'it asks again, and is waited for again')
  await simulation.close()
})

test('what came and went while a registry looked away has been seen by clients elsewhere: they wake there too', async () => {
  const simulation = new Simulation(1)
  const [away, other] = [await simulation.addNode(), await simulation.addNode()]
  const write = (command: Command) => simulation.until(other!.store.write(command))
  await write({ type: 'kv-set', key: 'x', value: '', flags: '0' })
  away!.etcd.cut = true
  away!.etcd.breakWatches()
  await write({ type: 'kv-set', key: 'k', value: 'MQ==', flags: '0' })
  const seen = await simulation.until(other!.ask('/v1/kv/k'))
  const waiting = away!.ask('/v1/kv/k', `index=${seen.index}&wait=10m`)
  await write({ type: 'kv-delete', key: 'k', recurse: false })
  away!.etcd.cut = false
  const { body } = await simulation.until(waiting, 30_000)
  assert.equal(body, '')
  await simulation.close()
})

test('etcd restored from a backup: the registry serves it, indexes go down, who waits is answered', async () => {
  const simulation = new Simulation(2)
  const node = await simulation.addNode()
  const { cluster } = simulation
  const set = (key: string, value: string) =>
    simulation.until(node.store.write({ type: 'kv-set', key, value, flags: '0' }))
  await set('old', 'MQ==')
  const backup = new Map(cluster.data)
  const { revision } = cluster
  await set('new', 'MQ==')
  await set('old', 'Mg==')
  const before = await simulation.until(node.ask('/v1/kv/', 'recurse'))
  const waiting = node.ask('/v1/kv/', `recurse&index=${before.index}&wait=10m`)
  cluster.data.clear()
  for (const [key, value] of backup) cluster.data.set(key, value)
  cluster.revision = revision
  cluster.history.length = 0
  const after = await simulation.until(waiting, 30_000)
  assert.ok(after.index < before.index)
  assert.match(after.body, /"Key":"old","Flags":0,"Value":"MQ=="/)
  assert.doesNotMatch(after.body, /"Key":"new"/)
  await set('more', 'MQ==')
  assert.match((await simulation.until(node.ask('/v1/kv/', 'recurse'))).body, /"Key":"more"/)
  await simulation.close()
})

test('etcd away: writes fail, reads go on, both work again by themselves', async () => {
  const simulation = new Simulation(3)
  const node = await simulation.addNode()
  const set = () => simulation.until(node.store.write({ type: 'kv-set', key: 'k', value: '', flags: '0' }))
  await set()
  node.etcd.cut = true
  await assert.rejects(simulation.until(node.store.write({ type: 'kv-set', key: 'other', value: '', flags: '0' })), {
    code: 'STORAGE_FAILED',
    message: /^No cluster leader/,
  })
  assert.match((await simulation.until(node.ask('/v1/kv/k'))).body, /"Key":"k"/)
  await assert.rejects(simulation.until(node.ask('/v1/kv/k', 'consistent')), /No cluster leader/)
  assert.match(node.store.failure?.message ?? '', /^No cluster leader .*majority/)
  node.etcd.cut = false
  await simulation.pass(3000)
  assert.equal(node.store.failure, undefined, 'known to be well again without a write')
  await simulation.until(node.store.write({ type: 'kv-set', key: 'other', value: '', flags: '0' }))
  await simulation.close()
})

test('a decision sees all earlier writes, also of others: no check without its service', async () => {
  const simulation = new Simulation(4)
  const nodes = [await simulation.addNode(3), await simulation.addNode(40)]
  const run = async ({ store }: Node) => {
    for (let i = 0; i < 60; i++) await store.write(randomCommand(simulation)).catch(() => {})
  }
  await simulation.until(Promise.all(nodes.map(run)))
  await simulation.pass(500)
  for (const { store } of nodes) {
    const { services, checks } = store.state
    for (const { Node, ServiceID } of checks.values()) assert.ok(services.has(`${Node}\n${ServiceID}`), ServiceID)
    assert.deepEqual([...services].sort(), [...nodes[0]!.store.state.services].sort())
  }
  await simulation.close()
})

test('the audit finds what differs without a write, and mends it', async () => {
  const simulation = new Simulation(6)
  const node = await simulation.addNode()
  await simulation.until(node.store.write({ type: 'kv-set', key: 'k', value: '', flags: '0' }))
  const { data } = simulation.cluster
  data.delete('/skein/record/kv/k')
  simulation.cluster.revision++
  await simulation.pass(1000)
  assert.equal(node.store.state.kv.has('k'), true, 'nothing tells it')
  await simulation.pass(302_000, 20)
  assert.equal(node.store.state.kv.has('k'), false)
  await simulation.close()
})
