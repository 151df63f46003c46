/** A request as the cache sees it. Pure. */
import { header, type RawHeaders } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { outboundHeaders, outboundPath } from '../outbound.ts'
import { directivesOf } from './directives.ts'
import { isGoodEnough, staleTimes } from './freshness.ts'
import type { Kept, Store } from './store.ts'
import { cacheKey } from './text.ts'

export interface CacheRequest {
  readonly exchange: Exchange
  readonly store: Store
  readonly key: string
  /** The key without the service. */
  readonly thing: string
  /** The fields as the upstream gets them. */
  readonly fields: RawHeaders
  /** Does the answer depend on who asks, as far as the gateway knows? */
  readonly personal: boolean
}

/** The key has all of which the gateway tells the upstream, but the client's address. */
export function cacheRequest(exchange: Exchange): CacheRequest {
  const { route, service, head, origin } = exchange
  const fields = outboundHeaders(exchange)
  // A step may have told the upstream who asks although the client said it elsewhere.
  const isNamed = ['authorization', 'cookie'].some((name) => header(head.headers, name) ?? header(fields, name))
  const { proto, host, port } = origin!
  const thing = `${proto} ${host} ${port} ${header(fields, 'host') ?? ''} ${outboundPath(exchange)}`
  const { cache, auth } = route!.rules
  const personal = isNamed || auth !== undefined
  return { exchange, store: cache!.store, key: cacheKey(service!, thing), thing, fields, personal }
}

/** The same thing, whichever service of a split is asked for it. */
export function keysOf({ exchange: { route, service }, thing }: CacheRequest): string[] {
  return Object.keys(route!.config.split?.to ?? { [service!]: 1 }).map((name) => cacheKey(name, thing))
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
