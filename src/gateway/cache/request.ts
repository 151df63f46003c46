/** A request as the cache sees it. Pure. */
import { header, type RawHeaders } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { queryBut } from '../hidden.ts'
import { outboundHeaders, outboundPath } from '../outbound.ts'
import { changedPath } from '../rule/location.ts'
import { normaliseHost } from '../target.ts'
import { directivesOf } from './directives.ts'
import { isGoodEnough, staleTimes } from './freshness.ts'
import type { Kept, Store } from './store.ts'
import { cacheKey } from './text.ts'

export interface CacheRequest {
  readonly exchange: Exchange
  readonly store: Store
  readonly key: string
  /** The fields as the upstream gets them. */
  readonly fields: RawHeaders
  /** Does the answer depend on who asks, as far as the gateway knows? */
  readonly personal: boolean
}

/** The key has all of which the gateway tells the upstream, but the client's address. */
export function cacheRequest(exchange: Exchange): CacheRequest {
  const { route, service, head } = exchange
  const fields = outboundHeaders(exchange)
  // A step may have told the upstream who asks although the client said it elsewhere.
  const isNamed = ['authorization', 'cookie'].some((name) => header(head.headers, name) ?? header(fields, name))
  const thing = thingOf(exchange, header(fields, 'host'), outboundPath(exchange))
  const { cache, auth } = route!.rules
  const personal = isNamed || auth !== undefined
  return { exchange, store: cache!.store, key: cacheKey(service!, thing), fields, personal }
}

/** What a service is asked for. */
function thingOf({ origin }: Exchange, host: string | undefined, path: string): string {
  return `${origin!.proto} ${origin!.host} ${origin!.port} ${host ?? ''} ${path}`
}

/**
 * Where answers to GET for what this request changes may be kept: by each route that has the path, whatever else it asks of its
 * requests, as each would ask each of its services for it.
 */
export function keptPlaces(exchange: Exchange): { readonly store: Store; readonly key: string }[] {
  const { head, target, snapshot } = exchange
  const clients = header(head.headers, 'host')!
  const places = [...snapshot.table.placed({ host: normaliseHost(clients), path: target!.path })]
  return places.flatMap(({ route: { config, hidden, rules, segments }, params }) => {
    if (rules.cache === undefined) return []
    const { rewrite = {}, preserveHost, split, to } = config
    const path = changedPath(rewrite, { segments }, params, target!.path)
    const query = queryBut(exchange.upstreamQuery ?? target!.query, hidden?.parameter)
    const host = rewrite.host ?? (preserveHost === false ? undefined : clients)
    const thing = thingOf(exchange, host, query === '' ? path : `${path}?${query}`)
    const { store } = rules.cache
    return Object.keys(split?.to ?? { [to!]: 1 }).map((service) => ({ store, key: cacheKey(service, thing) }))
  })
}

/** Parts of something, and requests with a body, which HTTP/2 needs no field for, are none of the cache's affair. */
export function isCacheable({ head, upgrading }: Exchange): boolean {
  const isRead = head.method === 'GET' || head.method === 'HEAD'
  return isRead && !upgrading && head.framing === 0 && header(head.headers, 'range') === undefined
}

/** May it be given as it is, given while it is confirmed, or not before that? `age` in s. */
export function stateOf(kept: Kept, age: number, fields: RawHeaders): 'fresh' | 'stale' | 'old' {
  if (isGoodEnough(fields, age, kept.lifetime)) return 'fresh'
  const asks = directivesOf(fields)
  const isPicky = ['no-cache', 'max-age', 'min-fresh'].some((name) => asks.has(name))
  const { whileRevalidate } = staleTimes(directivesOf(kept.headers))
  return !isPicky && age - kept.lifetime < whileRevalidate ? 'stale' : 'old'
}

export function mayServeOnError(kept: Kept, age: number): boolean {
  return age - kept.lifetime < staleTimes(directivesOf(kept.headers)).ifError
}

/** What makes the upstream answer 304 if nothing has changed. */
export function validatorsOf({ headers }: Kept): string[] {
  const [tag, modified] = [header(headers, 'etag'), header(headers, 'last-modified')]
  return [
    ...(tag === undefined ? [] : ['if-none-match', tag]),
    ...(modified === undefined ? [] : ['if-modified-since', modified]),
  ]
}
