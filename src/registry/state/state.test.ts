import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyChanges, loadRecords, setOutput } from './apply.ts'
import type { CheckInput, Command } from './commands.ts'
import { decide } from './decide.ts'
import type { Change, Indexes, StoredRecord } from './records.ts'
import { Refusal } from './refusal.ts'
import { instancesResource, keyResource, nodeResource, RESOURCE, serviceResource, underResource } from './resources.ts'
import { ALL_OUTPUTS, State } from './state.ts'
import { Twin } from './twin.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 20_261_122)
const NODES = ['n1', 'n2']
const NAMES = ['web', 'api']
const KEYS = ['a', 'a/b', 'a/c', 'b']
const PREFIXES = ['', 'a', 'a/', 'c']

const name = fc.constantFrom(...NAMES)
const node = fc.constantFrom(...NODES)
const status = fc.constantFrom('passing' as const, 'warning' as const, 'critical' as const)
const cas = fc.option(fc.nat(12), { nil: undefined })

const check = fc
  .record({ id: fc.constantFrom('c1', 'c2'), ServiceID: fc.constantFrom('', 's1', 's2'), Status: status })
  .map(({ id, ServiceID, Status }): CheckInput => {
    const texts = { Name: id, Notes: '', Output: '', Type: '', Interval: '', Timeout: '' }
    return { CheckID: `${id}/${ServiceID}`, ServiceID, Status, ...texts, Definition: {} }
  })

const service = fc
  .record({
    ID: fc.constantFrom('s1', 's2'),
    Service: name,
    Port: fc.constantFrom(1, 2),
    tag: fc.constantFrom('x', 'y'),
  })
  .map(({ ID, Service, Port, tag }) => {
    const rest = { Address: '', Meta: null, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false }
    return { ID, Service, Port, Tags: [tag], ...rest }
  })

const register = fc
  .record({
    node,
    address: fc.constantFrom('1.1.1.1', '2.2.2.2'),
    skipNodeUpdate: fc.boolean(),
    service: fc.option(service, { nil: undefined }),
    checks: fc.array(check, { maxLength: 2 }),
    keepStatus: fc.boolean(),
    replaceChecks: fc.boolean(),
  })
  .map(({ node: Node, address, service: one, ...rest }): Command => {
    const body = { Node, ID: '', Address: address, TaggedAddresses: null, Meta: null }
    return { type: 'register', node: body, ...(one === undefined ? {} : { service: one }), ...rest }
  })

const deregister = fc
  .record({ node, what: fc.constantFrom('s1', 's2', 'c1/', 'c1/s1', '') })
  .map(({ node: one, what }): Command => {
    const part = what === '' ? {} : what.startsWith('s') ? { serviceId: what } : { checkId: what }
    return { type: 'deregister', node: one, ...part }
  })

const setStatus = fc
  .record({ node, checkId: fc.constantFrom('c1/', 'c1/s1', 'c2/s2'), status, output: fc.constantFrom('', 'o') })
  .map((rest): Command => ({ type: 'set-status', ...rest }))

const kvSet = fc
  .record({ key: fc.constantFrom(...KEYS), value: fc.constantFrom('', 'eA=='), flags: fc.constantFrom('0', '1'), cas })
  .map((rest): Command => ({ type: 'kv-set', ...rest }) as Command)

const kvDelete = fc
  .record({ key: fc.constantFrom(...KEYS), recurse: fc.boolean(), cas })
  .map((rest): Command => ({ type: 'kv-delete', ...rest }) as Command)

const SESSIONS = ['x', 'y', 'z']
const session = fc.constantFrom(...SESSIONS)

const sessionCreate = fc
  .record({
    ID: session,
    Node: node,
    LockDelay: fc.constantFrom(0, 15e9),
    Behavior: fc.constantFrom('release' as const, 'delete' as const),
    NodeChecks: fc.constantFrom([], ['c1/'], ['c1/', 'c2/s2']),
  })
  .map((rest): Command => ({ type: 'session-create', session: { Name: '', TTL: '', ServiceChecks: null, ...rest } }))

const sessionEnd = fc.record({ id: session }).map(({ id }): Command => ({ type: 'session-end', id }))

const kvLock = fc
  .record({
    key: fc.constantFrom(...KEYS),
    value: fc.constantFrom('', 'eA=='),
    flags: fc.constant('0'),
    verb: fc.constantFrom('acquire', 'acquire', 'acquire', 'release'),
    session,
  })
  .map(({ verb, session: one, ...rest }): Command => ({ type: 'kv-set', ...rest, [verb]: one }))

const delayEnd = fc
  .record({ key: fc.constantFrom(...KEYS), session })
  .map((rest): Command => ({ type: 'delay-end', ...rest }))

const serviceId = fc.constantFrom('s1', 's2')

const remove = fc
  .record({ Node: node, ServiceID: serviceId, Reason: fc.constantFrom('', 'r') })
  .map((rest): Command => ({ type: 'remove', removed: { Service: '', Time: '', ...rest } }))

const allow = fc.record({ node, serviceId }).map((rest): Command => ({ type: 'allow', ...rest }))

const commands = fc.array(
  fc.oneof(
    ...[register, register, deregister, setStatus, kvSet, kvDelete],
    ...[sessionCreate, sessionCreate, sessionEnd, kvLock, kvLock, kvLock, delayEnd],
    ...[remove, allow, allow],
  ),
  { maxLength: 60 },
)

/** Every question that can be asked: its answer by the dumb twin, the index and resources by the state. */
function questions(state: State, twin: Twin) {
  const hosts = (one: string) => twin.services.filter(({ Service }) => Service === one).map(({ Node }) => Node)
  const instances = (one: string) => [
    twin.services.filter(({ Service }) => Service === one),
    twin.nodes.filter(({ Node }) => hosts(one).includes(Node)),
  ]
  const health = (one: string) =>
    twin.checks.filter(({ Node, ServiceID }) =>
      ServiceID === ''
        ? hosts(one).includes(Node)
        : twin.services.some((other) => other.Node === Node && other.ID === ServiceID && other.Service === one),
    )
  return [
    ...NAMES.map((one) =>
      ask(`health ${one}`, [serviceResource(one), RESOURCE.extinction], state.serviceIndex(one), [
        instances(one),
        health(one),
      ]),
    ),
    ...NAMES.map((one) =>
      ask(`catalog ${one}`, [instancesResource(one), RESOURCE.extinction], state.serviceIndex(one), instances(one)),
    ),
    ...NODES.map((one) =>
      ask(`node ${one}`, [nodeResource(one)], state.nodes.has(one) ? state.indexOf(nodeResource(one)) : -1, [
        twin.nodes.filter(({ Node }) => Node === one),
        twin.services.filter(({ Node }) => Node === one),
      ]),
    ),
    ask('services', [RESOURCE.services], state.indexOf(RESOURCE.services), twin.services),
    ask('nodes', [RESOURCE.nodes], state.indexOf(RESOURCE.nodes), twin.nodes),
    ask('sessions', [RESOURCE.sessions], state.indexOf(RESOURCE.sessions), twin.sessions),
    ask('removed', [RESOURCE.removed], state.indexOf(RESOURCE.removed), twin.removed),
    ask('checks', [RESOURCE.checks], state.indexOf(RESOURCE.checks), twin.checks),
    ...KEYS.map((key) =>
      ask(
        `key ${key}`,
        [keyResource(key)],
        state.keyIndex(key),
        twin.kv.filter((pair) => pair.Key === key),
      ),
    ),
    ...PREFIXES.map((prefix) =>
      ask(
        `under ${prefix}`,
        [underResource(prefix)],
        state.prefixIndex(prefix),
        twin.kv.filter((pair) => pair.Key.startsWith(prefix)),
      ),
    ),
  ]
}

function ask(question: string, resources: string[], index: number, answer: unknown) {
  return { question, resources, index, answer: JSON.stringify(sorted(answer)) }
}

/** Order is nobody's promise here. */
function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.map((item) => JSON.stringify(sorted(item))).sort() : value
}

const bare = <R extends Indexes>({ CreateIndex: _c, ModifyIndex: _m, ...body }: R) => body
const contents = (records: Iterable<Indexes>) => sorted([...records].map(bare))

function everything(state: State) {
  return JSON.stringify([
    state.index,
    [...state.indexes].sort(),
    [state.nodes, state.services, state.checks, state.kv, state.sessions, state.delays, state.removed].map((records) =>
      sorted([...records.values()]),
    ),
    SESSIONS.map((one) => sorted([...state.locks.get(one).values()])),
    NODES.map((one) => sorted([...state.sessionsOnNode.get(one).values()])),
    [...state.keys.under('')],
    NAMES.map((one) => sorted([...state.instances.get(one).values()])),
    PREFIXES.map((prefix) => state.tombstones.under(prefix)),
  ])
}

test('the state agrees with its dumb twin, no change is missed, nothing moves without one', () => {
  fc.assert(
    fc.property(commands, (list) => {
      const state = new State()
      const twin = new Twin()
      for (const command of list) step(state, twin, command)
    }),
    { seed: SEED, numRuns: 400 },
  )
})

function step(state: State, twin: Twin, command: Command): void {
  if (command.type === 'session-create' && state.sessions.has(command.session.ID)) return // IDs are of chance
  const before = questions(state, twin)
  const image = everything(state)
  let changes: ReturnType<typeof decide>['changes']
  try {
    changes = decide(state, command).changes
  } catch (error) {
    assert.ok(error instanceof Refusal)
    return
  }
  assert.equal(everything(state), image, 'deciding has no effect')
  const index = state.index + 1
  applyChanges(state, changes, index).undo()
  assert.equal(everything(state), image, 'undo takes everything back')
  const { touched } = changes.length === 0 ? { touched: new Set<string>() } : applyChanges(state, changes, index)
  if (changes.length === 0) assert.equal(everything(state), image)
  twin.apply(command, index)
  assert.deepEqual(strayIndexes(state), [], 'indexes are kept of what is there, not of every name that ever was')
  assert.deepEqual(contents(state.nodes.values()), sorted(twin.nodes))
  assert.deepEqual(contents(state.services.values()), sorted(twin.services))
  assert.deepEqual(contents(state.checks.values()), sorted(twin.checks))
  assert.deepEqual(contents(state.sessions.values()), sorted(twin.sessions))
  assert.deepEqual(contents(state.removed.values()), sorted(twin.removed))
  for (const key of state.removed.keys()) assert.ok(!state.services.has(key), 'who is removed is not there')
  assert.deepEqual(contents(state.kv.values()), sorted(twin.kv.map(({ modified: _, ...pair }) => pair)))
  assert.deepEqual([...state.delays.values()].map(({ Key }) => Key).sort(), Object.keys(twin.delays).sort())
  for (const [i, after] of questions(state, twin).entries()) {
    const { answer, index: indexBefore } = before[i]!
    if (after.answer === answer) continue
    const { question, resources } = after
    assert.ok(
      resources.some((resource) => wakes(resource, touched)),
      `${question} is not woken by ${JSON.stringify(command)}`,
    )
    if (after.index !== -1) assert.ok(after.index > indexBefore, `${question}: index ${indexBefore} → ${after.index}`)
  }
}

function strayIndexes(state: State): string[] {
  const there = new Set<string>([
    ...Object.values(RESOURCE),
    ...[...state.nodes.keys()].map(nodeResource),
    ...[...state.instances.names()].map(serviceResource),
  ])
  return [...state.indexes.keys()].filter((resource) => !there.has(resource))
}

function wakes(resource: string, touched: ReadonlySet<string>): boolean {
  if (!resource.startsWith('under:')) return touched.has(resource)
  return [...touched].some((one) => one.startsWith(`key:${resource.slice('under:'.length)}`))
}

test('outputs of a service are counted while it has instances', () => {
  const state = new State()
  const there: Command = {
    type: 'register',
    node: { Node: 'n1', ID: '', Address: '', TaggedAddresses: null, Meta: null },
    skipNodeUpdate: true,
    service: {
      ...{ ID: 's1', Service: 'web', Tags: [], Address: '', Meta: null, Port: 1 },
      ...{ Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false },
    },
    checks: [
      {
        ...{ CheckID: 'c', ServiceID: 's1', Name: 'c', Status: 'passing', Notes: '', Output: '', Type: 'ttl' },
        ...{ Interval: '', Timeout: '', Definition: {} },
      },
    ],
    keepStatus: true,
    replaceChecks: false,
  }
  applyChanges(state, decide(state, there).changes, 1)
  const before = state.outputVersion('web')
  setOutput(state, 'n1', 'c', 'load 0.7')
  assert.notEqual(state.outputVersion('web'), before)
  applyChanges(state, decide(state, { type: 'deregister', node: 'n1', serviceId: 's1' }).changes, 2)
  assert.deepEqual([...state.outputs.keys()], [ALL_OUTPUTS])
})

test('a registration costs the same with 10,000 instances as with 10', () => {
  const state = new State()
  const command = (i: number): Command => ({
    type: 'register',
    node: { Node: 'n1', ID: '', Address: '', TaggedAddresses: null, Meta: null },
    skipNodeUpdate: true,
    service: {
      ID: `i${i}`,
      Service: `s${i % 100}`,
      Tags: [],
      Address: '',
      Meta: null,
      Port: i,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
    },
    checks: [],
    keepStatus: true,
    replaceChecks: false,
  })
  for (let i = 0; i < 10_000; i++) {
    const { changes } = decide(state, command(i))
    const { touched } = applyChanges(state, changes, i + 1)
    assert.ok(changes.length <= 2 && touched.size <= 7, `write ${i} touched ${touched.size} resources`)
  }
  assert.equal(state.instances.get('s7').size, 100)
})

const pair = (key: string) => ({ Key: key, Value: '', Flags: '0', LockIndex: 0 })

test('records of a kind that only a newer version knows mean nothing', () => {
  const state = new State()
  const newer = { kind: 'newer', key: 'x', body: { anything: 1 } }
  const loaded = [newer, { kind: 'kv', key: 'a', body: pair('a') }].map((one) => ({
    ...one,
    CreateIndex: 1,
    ModifyIndex: 1,
  }))
  loadRecords(state, loaded as unknown as StoredRecord[], 1)
  const changes = [newer, { kind: 'kv', key: 'b', body: pair('b') }, { ...newer, body: null }]
  applyChanges(state, changes as unknown as Change[], 2)
  assert.deepEqual([[...state.kv.keys()], state.index], [['a', 'b'], 2])
})

test('changes that cannot be brought in leave nothing behind', () => {
  const state = new State()
  const broken = { kind: 'session', key: 's', body: { ID: 's', Node: 'n1' } }
  const changes = [{ kind: 'kv', key: 'a', body: pair('a') }, broken] as unknown as Change[]
  assert.throws(() => applyChanges(state, changes, 1), TypeError)
  assert.deepEqual([state.kv.size, [...state.keys.under('')], state.sessions.size, state.index], [0, [], 0, 0])
})
