/**
 * The response cache. A fresh answer is given again; a stale one is confirmed by the upstream, in the background where the answer
 * allows that; requests for the same thing at the same time become one.
 */
import type { Next, Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { withoutHeaders } from '../../core/headers.ts'
import { sendAnswer } from '../answer.ts'
import { directivesOf } from '../cache/directives.ts'
import type { Fetch, Keeper } from '../cache/keeper.ts'
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
import { noteHidden } from '../note-hidden.ts'
import { asPartOf, outboundRequest } from '../outbound.ts'
import { SAFE } from './forget.ts'

/** The client's own conditions, which the cache answers itself. */
const CONDITIONS: ReadonlySet<string> = new Set([
  ...['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range'],
])

export function keep(parts: Parts, keeper: Keeper): Step<Exchange, void> {
  const step = new CacheStep(parts, keeper)
  return (exchange, next) => (SAFE.has(exchange.head.method) ? step.run(exchange, next) : next(exchange))
}

class CacheStep {
  readonly #parts: Parts
  readonly #keeper: Keeper

  constructor(parts: Parts, keeper: Keeper) {
    this.#parts = parts
    this.#keeper = keeper
  }

  async run(exchange: Exchange, next: Next<Exchange, void>): Promise<void> {
    if (!isCacheable(exchange)) return this.#pass(exchange, 'bypass', next)
    const request = cacheRequest(exchange)
    const kept = await this.#keeper.lookUp(request)
    const state = kept && stateOf(kept, this.#keeper.ageOf(kept), request.fields)
    if (state === 'fresh') return this.#give(request, kept!, 'hit')
    if (state === 'stale') {
      void this.#confirm(request, kept!)
      return this.#give(request, kept!, 'stale')
    }
    refuseIfNothingElseIsWanted(request)
    return exchange.head.method === 'GET' ? this.#fetch(request, kept, next) : this.#pass(exchange, 'miss', next)
  }

  async #give(request: CacheRequest, kept: Kept, outcome: string): Promise<void> {
    await sendAnswer(request.exchange, await request.exchange.filtered(this.#held(request, kept, outcome)), this.#parts)
  }

  #held(request: CacheRequest, kept: Kept, outcome: string): UpstreamAnswer {
    this.#count(request.exchange, outcome)
    const left = Math.floor(kept.lifetime - this.#keeper.ageOf(kept))
    request.exchange.answerEdits.add('cache-status', `skein; hit; ttl=${left}`)
    return this.#keeper.present(request, kept)
  }

  /** In the background: the client has its answer, and its end does not end this. */
  async #confirm(request: CacheRequest, kept: Kept): Promise<void> {
    const { caller, clock, limits, log } = this.#parts
    const { exchange, key, fields } = request
    if (this.#keeper.flights.isUnderWay(key)) return
    const fetch = this.#begin(request, kept)
    try {
      const headers = [...withoutHeaders(fields, CONDITIONS), ...validatorsOf(kept)]
      const asked = { ...outboundRequest(exchange, limits), method: 'GET', headers, signal: undefined }
      const taken = this.#keeper.take(fetch, await asPartOf(exchange, () => caller.request(asked)))
      discard(taken.source, clock, fetch.config.maxBodyBytes)
    } catch (err) {
      fetch.end(false)
      noteHidden(log, err, { requestId: exchange.requestId }, 'a stale answer could not be confirmed')
    }
  }

  async #fetch(request: CacheRequest, kept: Kept | undefined, next: Next<Exchange, void>): Promise<void> {
    const { exchange } = request
    const fetch = this.#begin(request, kept)
    if (kept !== undefined) askIfChanged(exchange, kept)
    let isOver = false
    exchange.filterAnswer(async (answer) => (isOver ? answer : this.#taken(fetch, answer)))
    try {
      await next(exchange)
    } catch (error) {
      const isLost = exchange.failure !== undefined || exchange.wire.answered
      if (isLost || kept === undefined || !this.#mayStandIn(kept)) throw error
      isOver = true
      await this.#give(request, kept, 'stale_error')
    } finally {
      fetch.end(false)
    }
  }

  #begin(request: CacheRequest, kept: Kept | undefined): Fetch {
    return this.#keeper.begin(request, request.exchange.route!.rules.cache!.config, kept)
  }

  #taken(fetch: Fetch, answer: UpstreamAnswer): UpstreamAnswer {
    const { request, kept } = fetch
    if (kept !== undefined && answer.status >= 500 && this.#mayStandIn(kept)) {
      discard(answer.source, this.#parts.clock)
      return this.#held(request, kept, 'stale_error')
    }
    this.#count(request.exchange, answer.status === 304 && kept !== undefined ? 'confirmed' : 'miss')
    const forwarded = kept === undefined ? 'miss' : 'stale'
    request.exchange.answerEdits.add('cache-status', `skein; fwd=${forwarded}; fwd-status=${answer.status}`)
    return this.#keeper.take(fetch, answer)
  }

  /** For an upstream that fails. */
  #mayStandIn(kept: Kept): boolean {
    return mayServeOnError(kept, this.#keeper.ageOf(kept))
  }

  #pass(exchange: Exchange, outcome: string, next: Next<Exchange, void>): Promise<void> {
    this.#count(exchange, outcome)
    return next(exchange)
  }

  #count({ route, span }: Exchange, outcome: string): void {
    span?.decide('cache', { outcome })
    this.#parts.metrics.cached.with(route!.name, outcome).value++
  }
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
