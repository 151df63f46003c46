/** /v1/query: prepared queries, kept under a name and asked by it, here or by DNS. Templates know names, but no regular expressions. */
import { randomUUID } from 'node:crypto'
import { shuffled } from '../../core/random.ts'
import { HIDDEN, type Rights, UNKNOWN_TOKEN } from '../acl/contract.ts'
import { Sight } from '../acl/sight.ts'
import { findQuery, runQuery, unknownField } from '../prepared-query.ts'
import type { QueryBody, QueryRecord } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { RESOURCE } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import { STRINGS } from './check-fields.ts'
import { any, bool, decodeBody, int, object, string } from './decode.ts'
import { STRING_MAP } from './definition.ts'
import { parseDuration } from './duration.ts'
import { encodeJson } from './encoded.ts'
import {
  type Answer,
  type ApiRequest,
  BODY_MAX_BYTES,
  checkUuid,
  type Endpoint,
  empty,
  json,
  lookTwice,
  type Registry,
} from './endpoint.ts'
import { showEntry } from './health.ts'
import { catchUp, checkCommon, filteredHeader, indexHeaders, type Read, read } from './read.ts'
import { type Found, near, onlyPassing, order } from './select.ts'

export const QUERY: readonly Endpoint[] = [
  { path: '/v1/query', GET: read(list, true), POST: create },
  { path: '/v1/query/', GET: ask, PUT: update, DELETE: remove },
]

const TEMPLATE = object({ Type: string, Regexp: string, RemoveEmptyTags: bool })

const INPUT = object({
  ID: string,
  Name: string,
  Session: string,
  Token: string,
  Template: TEMPLATE,
  Service: object({
    Service: string,
    Failover: object({ NearestN: int, Datacenters: STRINGS, Targets: any }),
    OnlyPassing: bool,
    IgnoreCheckIDs: STRINGS,
    Near: string,
    Tags: STRINGS,
    NodeMeta: STRING_MAP,
    ServiceMeta: STRING_MAP,
    Connect: bool,
    Peer: string,
  }),
  DNS: object({ TTL: string }),
  CreateIndex: int,
  ModifyIndex: int,
})

async function create(request: ApiRequest, registry: Registry): Promise<Answer> {
  const query = await bodyOf(request, registry, randomUUID())
  requireQuery(request.rights, 'write', query)
  await registry.store.write({ type: 'query-set', query, isNew: true })
  return json({ ID: query.ID })
}

async function update(request: ApiRequest, registry: Registry): Promise<Answer> {
  const query = await bodyOf(request, registry, idOf(request.name))
  requireQuery(request.rights, 'write', query)
  await registry.store.write((state) => {
    requireKnown(request, state, query.ID)
    return { type: 'query-set', query, isNew: false }
  })
  return empty()
}

async function remove(request: ApiRequest, registry: Registry): Promise<Answer> {
  checkCommon(request, registry)
  const id = idOf(request.name)
  await registry.store.write((state) => {
    requireKnown(request, state, id)
    return { type: 'query-delete', id }
  })
  return empty()
}

/** Asked of the state that is written to: the query may have got another name meanwhile. */
function requireKnown({ rights }: ApiRequest, state: State, id: string): void {
  const known = state.queries.get(id)
  if (known !== undefined) requireQuery(rights, 'write', known)
}

/** Its name is what rights are about; without one whoever knows the ID may do everything with it. */
function requireQuery(rights: Rights, access: 'read' | 'write', { Name, Template }: QueryBody): void {
  if (Name !== '' || Template !== undefined) rights.require('query', access, Name)
}

async function bodyOf(request: ApiRequest, registry: Registry, ID: string): Promise<QueryBody> {
  checkCommon(request, registry)
  const {
    Name = '',
    Session = '',
    Token = '',
    Template,
    Service = {},
    DNS,
  } = decodeBody(await request.body(BODY_MAX_BYTES), INPUT)
  const { Failover = {} } = Service
  if ((Service.Service ?? '') === '') throw invalid('Must provide a Service name to query')
  if ((Failover.NearestN ?? 0) < 0) throw invalid(`Bad NearestN '${Failover.NearestN}', must be >= 0`)
  return {
    ...{ ID, Name, Session, ...(await tokenOf(Token, ID, registry)), ...templateOf(Template, Service) },
    Service: {
      Service: Service.Service!,
      Failover: { NearestN: Failover.NearestN ?? 0, Datacenters: Failover.Datacenters ?? null },
      OnlyPassing: Service.OnlyPassing ?? false,
      IgnoreCheckIDs: Service.IgnoreCheckIDs ?? null,
      Near: Service.Near ?? '',
      Tags: Service.Tags ?? null,
      NodeMeta: Service.NodeMeta ?? null,
      ServiceMeta: Service.ServiceMeta ?? null,
      Connect: Service.Connect ?? false,
    },
    DNS: { TTL: checkTtl(DNS?.TTL ?? '') },
  }
}

/** Kept by its AccessorID, so that no secret is stored. What was read back without it stays as it was. */
async function tokenOf(secret: string, id: string, registry: Registry): Promise<Pick<QueryBody, 'token'>> {
  const { access, store } = registry
  if (secret === '' || !access.enabled) return {}
  const find = () => (secret === HIDDEN ? store.state.queries.get(id)?.token : access.tokenOf(secret)?.AccessorID)
  await lookTwice(registry, () => find() !== undefined)
  const token = find()
  if (token === undefined) throw new Refusal(403, UNKNOWN_TOKEN)
  return { token }
}

function templateOf(template: ReturnType<typeof TEMPLATE> = {}, service: object): Pick<QueryBody, 'Template'> {
  const { Type = '', Regexp = '', RemoveEmptyTags = false } = template
  if (Type === '') return {}
  if (Type !== 'name_prefix_match') throw invalid(`Bad template type '${Type}'`)
  const unknown = Regexp === '' ? unknownField(JSON.stringify(service)) : 'Regexp'
  if (unknown === undefined) return { Template: { Type, RemoveEmptyTags } }
  throw invalid(
    `Bad template: ${unknown} is not supported here, only \${name.full}, \${name.prefix} and \${name.suffix}`,
  )
}

const invalid = (reason: string) => new Refusal(500, `Invalid prepared query: ${reason}`)

function checkTtl(ttl: string): string {
  try {
    if (ttl !== '' && parseDuration(ttl) < 0) throw new RangeError('must be >=0')
    return ttl
  } catch (error) {
    throw invalid(`Bad DNS TTL '${ttl}': ${(error as Error).message}`)
  }
}

const idOf = (name: string) => checkUuid(name, 'prepared query')

const EXECUTE = '/execute'
const EXPLAIN = '/explain'

/** A name may hold slashes: it is the end that counts. */
function ask(request: ApiRequest, registry: Registry): Promise<Answer> | Answer {
  const { name } = request
  if (name.endsWith(EXECUTE)) return execute(name.slice(0, -EXECUTE.length), request, registry)
  if (name.endsWith(EXPLAIN)) return explain(name.slice(0, -EXPLAIN.length), request, registry)
  return getOne(request, registry)
}

const getOne = read(({ name }, { store: { state } }) => {
  const id = idOf(name)
  const find = () => state.queries.get(id) ?? notFound()
  return {
    ...queries(state.indexOf.bind(state), () => [find()]),
    check: (rights) => requireQuery(rights, 'read', find()),
  }
}, true)

function list(_request: ApiRequest, { store: { state } }: Registry): Read {
  const isSeen = ({ Name, Template }: QueryRecord, sight: Sight) => sight.query(Name, Template !== undefined)
  return queries(state.indexOf.bind(state), (sight) => [...state.queries.values()].filter((one) => isSeen(one, sight)))
}

function queries(indexOf: (resource: string) => number, find: (sight: Sight) => QueryRecord[]): Read {
  const age = (a: QueryRecord, b: QueryRecord) => a.CreateIndex - b.CreateIndex || order(a.ID, b.ID)
  return {
    resources: [RESOURCE.queries],
    index: () => indexOf(RESOURCE.queries),
    encode: (sight) => encodeJson(find(sight).sort(age).map(show)),
  }
}

function notFound(): never {
  throw new Refusal(404, 'Query not found')
}

async function resolve(name: string, request: ApiRequest, registry: Registry): Promise<QueryRecord> {
  const { state } = registry.store
  await catchUp(registry, checkCommon(request, registry), 0)
  await lookTwice(registry, () => findQuery(state, name) !== undefined)
  return findQuery(state, name) ?? notFound()
}

async function execute(name: string, request: ApiRequest, registry: Registry): Promise<Answer> {
  const query = await resolve(name, request, registry)
  const { state } = registry.store
  const passing = onlyPassing(request.query) || query.Service.OnlyPassing
  const sight = new Sight(query.token === undefined ? request.rights : registry.access.rightsOfAccessor(query.token))
  const seen = runQuery(state, query, passing).filter(({ node, service }) => sight.instance(node.Node, service.Service))
  const found = arranged(seen, query, request, registry)
  const index = Math.max(1, state.serviceIndex(query.Service.Service))
  const answer = {
    Service: query.Service.Service,
    Nodes: found.map((one) => showEntry(state, one, registry.datacenter)),
    DNS: query.DNS,
    Datacenter: registry.datacenter,
    Failovers: 0,
    ...meta(index),
  }
  return json(answer, 200, [...indexHeaders(index), ...filteredHeader(request, sight.isPartial)])
}

/** Shuffled, so that clients which take the first spread; the near node's first. */
function arranged(seen: Found[], { Service }: QueryRecord, { query }: ApiRequest, registry: Registry): Found[] {
  const found = shuffled(seen, registry.random)
  const nearest = near(registry, query) ?? (Service.Near === '_agent' ? registry.node : Service.Near)
  const rank = ({ node }: Found) => (node.Node === nearest ? 0 : 1)
  found.sort((a, b) => rank(a) - rank(b))
  const limit = Number(query.uint64('limit') ?? 0)
  return limit === 0 ? found : found.slice(0, limit)
}

async function explain(name: string, request: ApiRequest, registry: Registry): Promise<Answer> {
  const query = await resolve(name, request, registry)
  requireQuery(request.rights, 'read', query)
  const index = Math.max(1, registry.store.state.indexOf(RESOURCE.queries))
  return json({ Query: show(query), ...meta(index) }, 200, indexHeaders(index))
}

const meta = (Index: number) => ({ Index, LastContact: 0, KnownLeader: true, ConsistencyLevel: 'leader' })

function show({ ID, Name, Session, token, Template: template, Service, DNS, CreateIndex, ModifyIndex }: QueryRecord) {
  const { Type, RemoveEmptyTags } = template ?? { Type: '', RemoveEmptyTags: false }
  const Template = { Type, Regexp: '', RemoveEmptyTags }
  return {
    ID,
    Name,
    Session,
    Token: token === undefined ? '' : HIDDEN,
    Template,
    Service,
    DNS,
    CreateIndex,
    ModifyIndex,
  }
}
