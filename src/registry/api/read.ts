/** Blocking reads: the parameters, headers and consistency modes that all of them have in common. */
import type { Rights } from '../acl/contract.ts'
import { Sight } from '../acl/sight.ts'
import { blockingQuery, type Question } from '../blocking-query.ts'
import { Refusal } from '../state/refusal.ts'
import { RESOURCE } from '../state/resources.ts'
import { Encoded } from './encoded.ts'
import { type Answer, type ApiRequest, type Handler, JSON_TYPE, type Registry } from './endpoint.ts'

/** What a read endpoint says about one request. */
export interface Read {
  /** See RESOURCE in state/resources.ts. */
  readonly resources: readonly string[]
  /** The index that the answer reports. */
  index(): number
  /** Tells apart answers that have the same index. Absent = none have. */
  version?(): number
  /** Refuses who may not ask at all; called for each reading, as rights change while a query is held. */
  check?(rights: Rights): void
  /** The JSON text of what may be seen, or undefined for a 404 without a body. */
  encode(sight: Sight): string | undefined
  /** The bytes as they are instead of JSON (kv?raw): hostile input, so browsers are told to do nothing with it. */
  raw?(): Buffer | undefined
  /** Sleep through changes that leave the answer as it is (B9). Off where clients use the wake-up itself as a signal. */
  readonly suppress?: boolean
  /** The answer costs more than looking it up: keep it. */
  readonly cache?: boolean
  readonly headers?: readonly string[]
}

interface Reading {
  readonly index: number
  /** Encoded on first demand. */
  shown(): Shown
}

interface Shown {
  readonly body: Encoded | undefined
  /** Something was left out. */
  readonly isPartial: boolean
}

/** A GET that blocks when asked to. `consistency` = it reports its consistency mode (catalog and health). */
export function read(prepare: (request: ApiRequest, registry: Registry) => Read, consistency = false): Handler {
  return async (request, registry) => {
    const mode = checkCommon(request, registry)
    const wait = request.query.wait()
    const asked = request.query.index()
    const prepared = prepare(request, registry)
    const upToDate = await catchUp(registry, mode, asked)
    const reading = await blockingQuery(question(request, registry, prepared, asked), wait, {
      hub: registry.store.hub,
      clock: registry.clock,
      random: registry.random,
      onGone: request.onGone,
    })
    return answer(reading, consistency ? mode : undefined, prepared, { request, upToDate })
  }
}

/**
 * On a store shared with others a read waits until all that was acknowledged elsewhere is here; `stale` does not, unless
 * the client has seen more than this registry. False when the store cannot be reached: reads go on from memory then.
 */
export async function catchUp({ store }: Registry, mode: Mode, asked: number): Promise<boolean> {
  if (!store.shared || (mode === 'stale' && asked <= store.state.index)) return true
  const upToDate = await store.catchUp(mode === 'consistent')
  if (!upToDate && mode === 'consistent') throw new Refusal(500, 'No cluster leader')
  return upToDate
}

/** What is read is no older than the rights of whoever reads: so a change of rights is news, and wakes. */
function question(request: ApiRequest, registry: Registry, prepared: Read, asked: number): Question<Reading> {
  return {
    resources: registry.access.enabled ? [...prepared.resources, RESOURCE.acl] : prepared.resources,
    read: () => {
      const { rights } = request
      prepared.check?.(rights)
      const index = Math.max(1, prepared.index(), rights.index)
      const shown = lazy(() => show(request, registry, prepared, rights))
      // The answer to compare later ones with must be that of now: the state moves on under it.
      if (prepared.suppress === true && index === asked) shown()
      return { index, shown }
    },
    isNews: (reading) => asked <= 0 || reading.index > asked,
    isSame: (first, reading) => prepared.suppress === true && first.index === asked && sameBody(first, reading),
  }
}

function sameBody(first: Reading, reading: Reading): boolean {
  const before = first.shown().body
  const { body } = reading.shown()
  return before === undefined ? body === undefined : before.equals(body)
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** Parameters on which a cached answer depends. Others, known or invented, must not split the cache. */
const IN_KEY = [
  ...['filter', 'near', 'node-meta', 'passing', 'peer', 'tag'],
  ...['keys', 'raw', 'recurse', 'seperator', 'separator'],
] as const

function show(request: ApiRequest, registry: Registry, prepared: Read, rights: Rights): Shown {
  const sight = new Sight(rights)
  const encode = () => {
    const body = prepared.raw === undefined ? prepared.encode(sight) : prepared.raw()
    return body === undefined ? undefined : new Encoded(body, sight.isPartial)
  }
  const kept = () => registry.cache.get(cacheKey(request, rights), versionOf(prepared, registry), encode)
  const body = prepared.cache === true ? kept() : encode()
  return { body, isPartial: body?.isPartial ?? sight.isPartial }
}

function versionOf(prepared: Read, { store }: Registry): string {
  return `${store.state.generation}/${prepared.index()}/${prepared.version?.() ?? 0}`
}

function cacheKey({ path, name, query }: ApiRequest, { key }: Rights): string {
  const given = IN_KEY.filter((parameter) => query.has(parameter))
  return JSON.stringify([key, path, name, ...given.map((parameter) => [parameter, query.all(parameter)])])
}

export type Mode = 'leader' | 'stale' | 'consistent'

/** Parameters that every endpoint knows, and the consistency mode that follows. */
export function checkCommon({ query }: ApiRequest, registry: Registry): Mode {
  checkEnterprise(query)
  checkDatacenter(query.get('datacenter') ?? query.get('dc') ?? '', registry)
  const mode = query.has('consistent') ? 'consistent' : query.has('stale') ? 'stale' : 'leader'
  const other = query.has('stale') ? 'stale' : query.has('cached') ? 'cached' : undefined
  if (mode === 'consistent' && other !== undefined) {
    throw new Refusal(400, `Cannot specify ?${other} with ?consistent, conflicting semantics.`)
  }
  return mode
}

export function checkDatacenter(datacenter: string, registry: Registry): void {
  if (datacenter !== '' && datacenter !== registry.datacenter) throw new Refusal(500, 'No path to datacenter')
}

function checkEnterprise(query: ApiRequest['query']): void {
  for (const [name, what] of [
    ['ns', 'Namespaces are'],
    ['partition', 'Partitions are'],
  ] as const) {
    if (!query.has(name)) continue
    throw new Refusal(400, `Invalid query parameter: "${name}" - ${what} a Consul Enterprise feature`)
  }
}

const RAW_TYPE = [
  ...['Content-Type', 'text/plain'],
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Content-Security-Policy', 'sandbox'],
]

function answer(
  reading: Reading,
  mode: Mode | undefined,
  { headers: extra = [], raw }: Read,
  { request, upToDate }: { readonly request: ApiRequest; readonly upToDate: boolean },
): Answer {
  const { body, isPartial } = reading.shown()
  const headers = [...indexHeaders(reading.index, upToDate), ...extra, ...filteredHeader(request, isPartial)]
  if (mode !== undefined) headers.push('X-Consul-Effective-Consistency', mode)
  if (body === undefined) return { status: 404, headers }
  return { status: 200, headers: [...(raw === undefined ? JSON_TYPE : RAW_TYPE), ...headers], body }
}

/** Only for those who brought a token: it tells them that another would show more. */
export function filteredHeader({ token }: Pick<ApiRequest, 'token'>, isPartial: boolean): readonly string[] {
  return isPartial && token !== undefined ? ['X-Consul-Results-Filtered-By-ACLs', 'true'] : []
}

export function indexHeaders(index: number, knownLeader = true): string[] {
  return ['X-Consul-Index', String(index), 'X-Consul-KnownLeader', String(knownLeader), 'X-Consul-LastContact', '0']
}
