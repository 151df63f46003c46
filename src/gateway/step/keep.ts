/**
 * The response cache. A fresh answer is given again; a stale one is confirmed by the upstream, in the background where the answer
 * allows that; requests for the same thing at the same time become one.
 */
import type { Next, Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { withoutHeaders } from '../../core/headers.ts'
import { sendAnswer } from '../answer.ts'
import { directivesOf } from '../cache/directives.ts'
import { type Fetch, Keeper } from '../cache/keeper.ts'
import {
  type CacheRequest,
  cacheRequest,
  isCacheable,
  mayServeOnError,
  stateOf,
  validatorsOf,
} from '../cache/request.ts'
import type { Kept } from '../cache/store.ts'
import { discard } from '../discard.ts'
import type { Exchange, Parts, UpstreamAnswer } from '../exchange.ts'
import { asPartOf, outboundRequest } from '../outbound.ts'

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** The client's own conditions, which the cache answers itself. */
const CONDITIONS: ReadonlySet<string> = new Set([
  ...['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range'],
])

export function keep(parts: Parts): Step<Exchange, void> {
  const { clock, metrics } = parts
  const keeper = new Keeper(clock)

  return async (exchange, next) => {
    if (!SAFE.has(exchange.head.method)) return afterChange(cacheRequest(exchange), next)
    if (!isCacheable(exchange)) return passed(exchange, 'bypass', next)
    const request = cacheRequest(exchange)
    const kept = await keeper.lookUp(request)
    const state = kept && stateOf(kept, keeper.ageOf(kept), request.fields)
    if (state === 'fresh') return give(request, kept!, 'hit')
    if (state === 'stale') {
      void confirm(request, kept!)
      return give(request, kept!, 'stale')
    }
    return exchange.head.method === 'GET' ? fetchAndKeep(request, kept, next) : passed(exchange, 'miss', next)
  }

  async function give(request: CacheRequest, kept: Kept, outcome: string): Promise<void> {
    await sendAnswer(request.exchange, await request.exchange.filtered(held(request, kept, outcome)), parts)
  }

  function held(request: CacheRequest, kept: Kept, outcome: string): UpstreamAnswer {
    count(request.exchange, outcome)
    const left = Math.floor(kept.lifetime - keeper.ageOf(kept))
    request.exchange.answerEdits.add('cache-status', `skein; hit; ttl=${left}`)
    return keeper.present(request, kept)
  }

  /** In the background: the client has its answer, and its end does not end this. */
  async function confirm(request: CacheRequest, kept: Kept): Promise<void> {
    const { exchange, key, fields } = request
    if (keeper.flights.isUnderWay(key)) return
    const fetch = begin(request, kept)
    const headers = [...withoutHeaders(fields, CONDITIONS), ...validatorsOf(kept)]
    const asked = { ...outboundRequest(exchange, parts.limits), method: 'GET', headers, signal: undefined }
    try {
      const taken = keeper.take(fetch, await asPartOf(exchange, () => parts.caller.request(asked)))
      discard(taken.source, clock, fetch.config.maxBodyBytes)
    } catch (err) {
      fetch.end(false)
      parts.log.debug({ err, requestId: exchange.requestId }, 'a stale answer could not be confirmed')
    }
  }

  async function fetchAndKeep(request: CacheRequest, kept: Kept | undefined, next: Next<void>): Promise<void> {
    refuseIfNothingElseIsWanted(request)
    const { exchange } = request
    const fetch = begin(request, kept)
    if (kept !== undefined) askIfChanged(exchange, kept)
    let isOver = false
    exchange.filterAnswer(async (answer) => (isOver ? answer : taken(fetch, answer)))
    try {
      await next()
    } catch (error) {
      const isLost = exchange.failure !== undefined || exchange.wire.answered
      if (isLost || kept === undefined || !mayServeOnError(kept, keeper.ageOf(kept))) throw error
      isOver = true
      await give(request, kept, 'stale_error')
    } finally {
      fetch.end(false)
    }
  }

  function begin(request: CacheRequest, kept: Kept | undefined): Fetch {
    return keeper.begin(request, request.exchange.route!.rules.cache!.config, kept)
  }

  function taken(fetch: Fetch, answer: UpstreamAnswer): UpstreamAnswer {
    const { request, kept } = fetch
    if (kept !== undefined && answer.status >= 500 && mayServeOnError(kept, keeper.ageOf(kept))) {
      discard(answer.source, clock)
      return held(request, kept, 'stale_error')
    }
    count(request.exchange, answer.status === 304 && kept !== undefined ? 'confirmed' : 'miss')
    const forwarded = kept === undefined ? 'miss' : 'stale'
    request.exchange.answerEdits.add('cache-status', `skein; fwd=${forwarded}; fwd-status=${answer.status}`)
    return keeper.take(fetch, answer)
  }

  async function passed(exchange: Exchange, outcome: string, next: Next<void>): Promise<void> {
    count(exchange, outcome)
    return next()
  }

  function count({ route }: Exchange, outcome: string): void {
    metrics.cached.with(route!.name, outcome).value++
  }
}

/** A change that succeeds makes what is kept untrue (RFC 9111 §4.4). */
function afterChange({ exchange, store, key }: CacheRequest, next: Next<void>): Promise<void> {
  exchange.filterAnswer(async (answer) => {
    if (answer.status >= 200 && answer.status < 400) store.delete(key)
    return answer
  })
  return next()
}

function refuseIfNothingElseIsWanted({ fields }: CacheRequest): void {
  if (!directivesOf(fields).has('only-if-cached')) return
  const message = 'nothing that would do is kept, and the client wants nothing else'
  throw new SkeinError('DEADLINE_EXCEEDED', message, { reason: 'only_if_cached' })
}

function askIfChanged({ requestEdits }: Exchange, kept: Kept): void {
  for (const name of CONDITIONS) requestEdits.drop(name)
  const validators = validatorsOf(kept)
  for (let i = 0; i < validators.length; i += 2) requestEdits.put(validators[i]!, validators[i + 1]!)
}
