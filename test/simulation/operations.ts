/** Random operations: what is asked of the registry, what it means for the twin, and whether both say the same. */
import assert from 'node:assert/strict'
import { below, type Random } from '../../src/core/random.ts'
import { KEYS } from './questions.ts'
import { CHECK_TTL_MS, LOCK_DELAY_MS, type Twin } from './registry-twin.ts'
import { end, put, putCheck, removeKeys, removeNode, removeService, type Status, setKey, type World } from './world.ts'

export interface Reply {
  readonly status: number
  readonly text: string
}

export interface Run {
  readonly twin: Twin
  readonly random: Random
  send(method: 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Reply>
}

type Operation = (run: Run) => Promise<void>

const pick = <T>(random: Random, all: readonly T[]): T => all[below(random, all.length)]!
const STATUSES: readonly Status[] = ['passing', 'warning', 'critical']
const VALUES = ['', 'x', 'y']
const base64 = (text: string) => Buffer.from(text).toString('base64')
const OWN = 'node1'
const OTHER = 'n2'

const register: Operation = async ({ twin, random, send }) => {
  const [id, name, tag] = [pick(random, ['s1', 's2', 's3']), pick(random, ['web', 'api']), pick(random, ['x', 'y'])]
  const [checked, replaces, status] = [random() < 0.7, random() < 0.3, pick(random, STATUSES)]
  const definition = { ID: id, Name: name, Port: 80, Tags: [tag] }
  const check = { TTL: `${CHECK_TTL_MS}ms`, Status: status }
  const path = `agent/service/register${replaces ? '?replace-existing-checks=true' : ''}`
  const { status: code } = await send('PUT', path, checked ? { ...definition, Check: check } : definition)
  assert.equal(code, 200)
  twin.write((world) => {
    const isOld = ({ Node, ID }: { Node: string; ID: string }) => Node === OWN && ID === id
    put(world, world.services, isOld, { Node: OWN, ID: id, Service: name, Port: 80, Tags: [tag] })
    const known = world.checks.find(({ CheckID }) => CheckID === `service:${id}`)
    if (!checked && replaces) world.checks = world.checks.filter((one) => one !== known)
    if (!checked) return
    const [Status, Output] = [known?.Status ?? status, known?.Output ?? '']
    putCheck(world, { Node: OWN, CheckID: `service:${id}`, ServiceID: id, Status, Output })
  })
  if (checked) twin.renewCheck(`service:${id}`)
}

const deregister: Operation = async ({ twin, random, send }) => {
  const id = pick(random, ['s1', 's2', 's3'])
  const isThere = twin.world.services.some(({ ID }) => ID === id)
  const { status } = await send('PUT', `agent/service/deregister/${id}`)
  assert.equal(status, isThere ? 200 : 404)
  twin.write((world) => removeService(world, OWN, id))
}

const beat: Operation = async ({ twin, random, send }) => {
  const checkId = `service:${pick(random, ['s1', 's2', 's3'])}`
  const [word, status] = pick(random, [
    ['pass', 'passing'],
    ['warn', 'warning'],
    ['fail', 'critical'],
  ] as const)
  const note = pick(random, ['', 'n1', 'n2'])
  const isThere = twin.world.checks.some(({ CheckID }) => CheckID === checkId)
  const { status: code } = await send('PUT', `agent/check/${word}/${checkId}?note=${note}`)
  assert.equal(code, isThere ? 200 : 404)
  if (isThere) twin.beat(checkId, status, note)
}

const catalogRegister: Operation = async ({ twin, random, send }) => {
  const [Address, name, status] = [
    pick(random, ['10.0.0.1', '10.0.0.2']),
    pick(random, ['web', 'api']),
    pick(random, STATUSES),
  ]
  const [served, checked] = [random() < 0.6, random() < 0.6]
  const service = { ID: 'c1', Service: name, Port: 1, Tags: ['c'] }
  const check = { CheckID: 'alive', Name: 'alive', Status: status, Output: 'o' }
  const body = { Node: OTHER, Address, ...(served ? { Service: service } : {}), ...(checked ? { Check: check } : {}) }
  assert.equal((await send('PUT', 'catalog/register', body)).status, 200)
  twin.write((world) => {
    put(world, world.nodes, ({ Node }) => Node === OTHER, { Node: OTHER, Address })
    if (served) put(world, world.services, ({ ID }) => ID === 'c1', { Node: OTHER, ...service })
    if (checked) putCheck(world, { Node: OTHER, CheckID: 'alive', ServiceID: '', Status: status, Output: 'o' })
  })
}

const catalogDeregister: Operation = async ({ twin, random, send }) => {
  const what = pick(random, ['ServiceID', 'CheckID', ''])
  const part = what === 'ServiceID' ? { ServiceID: 'c1' } : what === 'CheckID' ? { CheckID: 'alive' } : {}
  assert.equal((await send('PUT', 'catalog/deregister', { Node: OTHER, ...part })).status, 200)
  twin.write((world) => {
    if (what === 'ServiceID') removeService(world, OTHER, 'c1')
    else if (what === 'CheckID') world.checks = world.checks.filter(({ CheckID }) => CheckID !== 'alive')
    else removeNode(world, OTHER)
  })
}

/** What `change` says, as one write of its own. */
function written(twin: Twin, change: (world: World) => boolean): boolean {
  let done = true
  twin.write((world) => {
    done = change(world)
  })
  return done
}

const putKey: Operation = async ({ twin, random, send }) => {
  const [key, value, flags] = [pick(random, KEYS), pick(random, VALUES), below(random, 2)]
  const sessions = twin.world.sessions.map(({ ID }) => ID)
  const session = pick(random, [...sessions, 'adf4238a-882b-9ddc-4a9d-5b6758e4159e'])
  const cas = pick(random, [0, 1, ...twin.world.kv.map(({ ModifyIndex }) => ModifyIndex)])
  const condition = pick(random, [{}, {}, { cas }, { acquire: session }, { acquire: session }, { release: session }])
  const query = Object.entries({ flags, ...condition }).map(([name, one]) => `${name}=${one}`)
  const { status, text } = await send('PUT', `kv/${key}?${query.join('&')}`, value)
  const isDelayed = twin.world.delays.some((delay) => delay.Key === key)
  if ('acquire' in condition && !sessions.includes(session) && !isDelayed) return assert.equal(status, 500)
  const done = written(twin, (world) => setKey(world, { Key: key, Value: base64(value), Flags: flags }, condition))
  assert.deepEqual([status, text], [200, String(done)])
}

const removeKey: Operation = async ({ twin, random, send }) => {
  const [key, how] = [pick(random, [...KEYS, 'a/']), pick(random, ['', 'recurse', 'cas'])]
  const found = twin.world.kv.find(({ Key }) => Key === key)
  const cas = pick(random, [1, found?.ModifyIndex ?? 1])
  const { text } = await send('DELETE', `kv/${key}${how === 'cas' ? `?cas=${cas}` : how === '' ? '' : `?${how}`}`)
  assert.equal(text, String(how !== 'cas' || found === undefined || found.ModifyIndex === cas))
  twin.write((world) => {
    const isMeant = ({ Key, ModifyIndex }: World['kv'][number]) =>
      how === 'recurse' ? Key.startsWith(key) : Key === key && (how === '' || ModifyIndex === cas)
    removeKeys(world, isMeant)
  })
}

const createSession: Operation = async ({ twin, random, send }) => {
  const NodeChecks = pick(random, [['serfHealth'], ['serfHealth', 'service:s1'], ['service:s2']])
  const Behavior = pick(random, ['release', 'delete'] as const)
  const LockDelay = pick(random, [0, LOCK_DELAY_MS])
  const input = { TTL: '10s', NodeChecks, Behavior, LockDelay: `${LockDelay}ms` }
  const { status, text } = await send('PUT', 'session/create', input)
  const passes = (id: string) => twin.world.checks.some((one) => one.CheckID === id && one.Status !== 'critical')
  if (!NodeChecks.every(passes)) return assert.equal(status, 500)
  const { ID } = JSON.parse(text) as { ID: string }
  twin.write((world) => {
    put(world, world.sessions, () => false, { ID, Node: OWN, Behavior, LockDelay, NodeChecks })
  })
}

const endSession: Operation = async ({ twin, random, send }) => {
  const id = pick(random, twin.world.sessions)?.ID
  if (id === undefined) return
  assert.equal((await send('PUT', `session/destroy/${id}`)).text, 'true')
  twin.write((world) => end(world, id))
}

const renewSession: Operation = async ({ twin, random, send }) => {
  const id = pick(random, twin.world.sessions)?.ID ?? 'adf4238a-882b-9ddc-4a9d-5b6758e4159e'
  const { status } = await send('PUT', `session/renew/${id}`)
  assert.equal(status, twin.renewSession(id) ? 200 : 404)
}

class Refused extends Error {}

/** One operation of a transaction, on the world as those before it left it. @throws Refused when it fails. */
type Part = (random: Random, world: World) => { sent: object; run(world: World): void }

const PARTS: readonly Part[] = [
  (random) => {
    const [Key, value, Flags] = [pick(random, KEYS), pick(random, VALUES), below(random, 2)]
    const pair = { Key, Value: base64(value), Flags }
    return { sent: { Verb: 'set', ...pair }, run: (world) => void setKey(world, pair, {}) }
  },
  (random, { kv }) => {
    const pair = { Key: pick(random, KEYS), Value: base64('c'), Flags: 0 }
    const cas = pick(random, [0, ...kv.map(({ ModifyIndex }) => ModifyIndex)])
    return { sent: { Verb: 'cas', ...pair, Index: cas }, run: (world) => demand(setKey(world, pair, { cas })) }
  },
  (random, { sessions }) => {
    const pair = { Key: pick(random, KEYS), Value: base64('l'), Flags: 0 }
    const session = pick(random, sessions)?.ID
    if (session === undefined) return { sent: { Verb: 'check-not-exists', Key: 'z' }, run() {} }
    const verb = pick(random, ['lock', 'unlock'])
    const condition = verb === 'lock' ? { acquire: session } : { release: session }
    const sent = { Verb: verb, ...pair, Session: session }
    return { sent, run: (world) => demand(setKey(world, pair, condition)) }
  },
  (random) => {
    const Key = pick(random, KEYS)
    const sent = { Verb: 'check-not-exists', Key }
    return { sent, run: (world) => demand(world.kv.every((pair) => pair.Key !== Key)) }
  },
  (random) => {
    const Key = pick(random, KEYS)
    return { sent: { Verb: 'delete', Key }, run: (world) => removeKeys(world, (pair) => pair.Key === Key) }
  },
  (random) => {
    const Key = pick(random, ['a/', 'b'])
    const sent = { Verb: 'delete-tree', Key }
    return { sent, run: (world) => removeKeys(world, (pair) => pair.Key.startsWith(Key)) }
  },
]

function demand(holds: boolean): void {
  if (!holds) throw new Refused()
}

const transact: Operation = async ({ twin, random, send }) => {
  const parts = Array.from({ length: 1 + below(random, 3) }, () => pick(random, PARTS)(random, twin.world))
  const { status, text } = await send(
    'PUT',
    'txn',
    parts.map(({ sent }) => ({ KV: sent })),
  )
  let done = true
  try {
    twin.write((world) => {
      for (const { run } of parts) run(world)
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    done = false
  }
  assert.equal(status, done ? 200 : 409, text)
}

export const OPERATIONS: readonly Operation[] = [
  ...[register, register, register, deregister, beat, beat, beat],
  ...[catalogRegister, catalogRegister, catalogDeregister],
  ...[putKey, putKey, putKey, putKey, removeKey, transact, transact],
  ...[createSession, createSession, endSession, renewSession],
]
