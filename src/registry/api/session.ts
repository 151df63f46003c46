/** /v1/session: in whose name locks are held, and when they end. */
import { randomUUID } from 'node:crypto'
import type { SessionBody, SessionRecord } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { RESOURCE } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import { STRINGS } from './check-fields.ts'
import { decodeBody, duration, list, object, type Reader, string } from './decode.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { encodeJson } from './encoded.ts'
import {
  type Answer,
  type ApiRequest,
  BODY_MAX_BYTES,
  checkUuid,
  type Endpoint,
  json,
  lookTwice,
  nameOf,
  type Registry,
} from './endpoint.ts'
import { checkCommon, type Read, read } from './read.ts'
import { order } from './select.ts'

export const SESSION: readonly Endpoint[] = [
  { path: '/v1/session/create', PUT: create },
  { path: '/v1/session/renew/', PUT: renew },
  { path: '/v1/session/destroy/', PUT: destroy },
  { path: '/v1/session/info/', GET: read(info) },
  { path: '/v1/session/node/', GET: read(onNode) },
  { path: '/v1/session/list', GET: read(all) },
]

const NS_PER_MS = 1e6
const SMALL = 1000

/** Here alone integers below 1000 are seconds. Nanoseconds come out. */
const lockDelay: Reader<number> = (value, field) =>
  Math.round(duration(typeof value === 'number' && value < SMALL ? value * 1e9 : value, field) * NS_PER_MS)

const INPUT = object(
  {
    Name: string,
    Node: string,
    LockDelay: lockDelay,
    Behavior: string,
    TTL: string,
    NodeChecks: STRINGS,
    ServiceChecks: list(object({ ID: string, Namespace: string }), '[]structs.ServiceCheck'),
    Checks: STRINGS,
  },
  {},
  () => {}, // Consul ignores what it does not know here, and here only
)

const SERF = 'serfHealth'
const LOCK_DELAY_NS = 15e9

async function create(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const body = await request.body(BODY_MAX_BYTES)
  const input = body.length === 0 ? {} : decodeBody(body, INPUT)
  request.rights.require('session', 'write', input.Node ?? registry.node)
  const session: SessionBody = {
    ID: randomUUID(),
    Name: input.Name ?? '',
    Node: input.Node ?? registry.node,
    LockDelay: input.LockDelay ?? LOCK_DELAY_NS,
    Behavior: behaviour(input.Behavior),
    TTL: checkTtl(input.TTL ?? '', registry.sessionTtlMinMs),
    ...checksOf(input),
  }
  await registry.store.write({ type: 'session-create', session })
  return json({ ID: session.ID })
}

function behaviour(given = ''): SessionBody['Behavior'] {
  if (given === '') return 'release'
  if (given === 'release' || given === 'delete') return given
  throw new Refusal(500, `Invalid Behavior setting '${given}'`)
}

const TTL_MAX_MS = 24 * 3_600_000

function checkTtl(ttl: string, minMs: number): string {
  const ms = ttl === '' ? 0 : ttlOf(ttl)
  if (ms === 0 || (ms >= minMs && ms <= TTL_MAX_MS)) return ttl
  const range = `[${formatDuration(minMs)}=${formatDuration(TTL_MAX_MS)}]`
  throw new Refusal(500, `Invalid Session TTL '${Math.round(ms * NS_PER_MS)}', must be between ${range}`)
}

function ttlOf(ttl: string): number {
  try {
    return parseDuration(ttl)
  } catch (error) {
    throw new Refusal(500, `Session TTL '${ttl}' invalid: ${(error as Error).message}`)
  }
}

/** `Checks` is the older field: given empty it means no checks at all, and serfHealth alone says nothing new. */
function checksOf({ NodeChecks = [SERF], ServiceChecks, Checks = [SERF] }: ReturnType<typeof INPUT>) {
  const services = ServiceChecks?.map(({ ID = '', Namespace = '' }) => ({ ID, Namespace })) ?? null
  const alone = Checks.length === 0 || (Checks.length === 1 && Checks[0] === SERF)
  return {
    NodeChecks: Checks.length === 0 ? [] : NodeChecks,
    ServiceChecks: services,
    ...(alone ? {} : { Checks }),
  }
}

/** @throws Refusal 500 for what no session could ever be called. */
export const checkSessionId = (id: string) => checkUuid(id, 'session')

const sessionIdOf = (request: ApiRequest) => checkSessionId(nameOf(request, 'Missing session'))

async function renew(request: ApiRequest, registry: Registry): Promise<Answer> {
  const id = await writableSession(request, registry)
  const { sessions } = registry.store.state
  if (await registry.sessions.renew(id)) {
    const session = sessions.get(id)
    if (session !== undefined) return json([show(session)])
  }
  throw new Refusal(404, `Session id '${id}' not found`)
}

/** Succeeds also when it was gone. */
async function destroy(request: ApiRequest, registry: Registry): Promise<Answer> {
  const id = await writableSession(request, registry)
  await registry.store.write({ type: 'session-end', id })
  return json(true)
}

/** The ID in the path, of a session that may be written, or that is not there. */
async function writableSession(request: ApiRequest, registry: Registry): Promise<string> {
  checkCommon(request, registry)
  const id = sessionIdOf(request)
  const { sessions } = registry.store.state
  await lookTwice(registry, () => sessions.has(id))
  const session = sessions.get(id)
  if (session !== undefined) request.rights.require('session', 'write', session.Node)
  return id
}

function info(request: ApiRequest, { store: { state } }: Registry): Read {
  const id = sessionIdOf(request)
  return sessions(state, () => [state.sessions.get(id)].filter((one) => one !== undefined))
}

function onNode(request: ApiRequest, { store: { state } }: Registry): Read {
  const node = nameOf(request, 'Missing node name')
  return sessions(state, () => [...state.sessionsOnNode.get(node).values()])
}

function all(_request: ApiRequest, { store: { state } }: Registry): Read {
  return sessions(state, () => [...state.sessions.values()])
}

/** Oldest first. */
function sessions(state: State, find: () => SessionRecord[]): Read {
  const age = (a: SessionRecord, b: SessionRecord) => a.CreateIndex - b.CreateIndex || order(a.ID, b.ID)
  return {
    resources: [RESOURCE.sessions],
    index: () => state.indexOf(RESOURCE.sessions),
    encode: (sight) => {
      const seen = find().filter(({ Node }) => sight.session(Node))
      return encodeJson(seen.sort(age).map(show))
    },
  }
}

/** Renewals are no change that clients know of. */
function show(session: SessionRecord) {
  return {
    ID: session.ID,
    Name: session.Name,
    Node: session.Node,
    LockDelay: session.LockDelay,
    Behavior: session.Behavior,
    TTL: session.TTL,
    NodeChecks: session.NodeChecks,
    ServiceChecks: session.ServiceChecks,
    Checks: session.Checks,
    CreateIndex: session.CreateIndex,
    ModifyIndex: session.CreateIndex,
  }
}
