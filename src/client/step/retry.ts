/**
 * Tries again, elsewhere, what may be tried again:
 *
 * - whatever provably was not processed, with any method: the connection was refused or never came about, or the
 *   instance said SHUTTING_DOWN, or OVERLOADED while another has not just said so too, or by HTTP/2's GOAWAY or REFUSED_STREAM that it did not take the request;
 * - of idempotent calls also broken connections, time-outs, and answers 502, 503, 504 and gRPC's UNAVAILABLE, unless the instance says by
 *   `x-skein-error` that it was its own upstream that failed: then it has retried already, and retrying at each layer
 *   multiplies load (three layers of three attempts make 27).
 *
 * A body is sent again when it is a string or bytes; of at most 64 KiB once some of it was sent, as in linkerd. A
 * stream is sent again only if nothing has read from it.
 *
 * Retries come out of the service's budget: 20 % of the requests under way, at least 3. One per call is free (gRFC A6 calls it
 * transparent), so that the death of an instance with many calls on it fails none: of what was not processed; after a
 * reset on a connection that had been idle, which does not count as an attempt either, as it happens in good health; after
 * any other reset while another instance is in (one that closes resets what waits to be accepted); and after silence where
 * the breaker has taken the instance out while others are in. That cannot become a storm: instances that reset are soon out,
 * an overloaded service is slow as a whole, and there the budget holds.
 */
import { Readable } from 'node:stream'
import { backoffMs } from '../../balance/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { header } from '../../core/headers.ts'
import { type Call, type Handler, type Layer, newAttempt, type Parts, sentRequest } from '../call.ts'
import type { Body, OutboundResponse } from '../contract.ts'
import { statusInHead, UNAVAILABLE } from '../grpc.ts'
import { ERROR_HEADER } from '../headers.ts'
import { isIdempotent } from '../policy.ts'
import { isUnprocessed } from '../transport.ts'
import { ableFor } from './choose.ts'

/** Bodies above this are not sent twice, bytes. */
const REPLAY_MAX_BYTES = 64 * 1024

type Reason = 'refused' | 'shutting-down' | 'overloaded' | 'reset' | 'timeout' | 'status'
export type Outcome = { response: OutboundResponse } | { error: unknown }

export const retry: Layer = (parts, next) => (call) => new Attempts(call, next, parts).make(1)

/** Leave to try once more. */
interface Leave {
  readonly atOnce: boolean
  end(): void
}

/** The attempts of one call, and what it may still repeat: its attempts, its free retry, the service's budget. */
class Attempts {
  readonly #call: Call
  readonly #next: Handler
  readonly #parts: Parts
  readonly #endRequest: () => void
  #number = 0
  #free = 1
  #uncounted = 0
  /** Given, and not yet made use of. */
  #leave: Leave | undefined
  readonly #moveOn = () => {
    this.#leave = this.#ask('timeout')
    return this.#leave !== undefined
  }

  constructor(call: Call, next: Handler, parts: Parts) {
    this.#call = call
    this.#next = next
    this.#parts = parts
    this.#endRequest = call.upstream.budget.request()
  }

  /** Resolves with the answer of this attempt, or of one after it. */
  make(number: number): Promise<OutboundResponse> {
    const granted = this.#leave
    this.#leave = undefined
    this.#number = number
    begin(this.#call, number, this.#isLast())
    this.#call.attempt.moveOn = this.#moveOn
    return this.#next(this.#call).then(
      (response) => {
        granted?.end()
        return this.#answered(response)
      },
      (error) => {
        granted?.end()
        return this.#failed(error)
      },
    )
  }

  #answered(response: OutboundResponse): OutboundResponse | Promise<OutboundResponse> {
    const reason = this.#given(reasonToRetry(this.#call, { response }))
    if (reason === undefined) {
      this.#end()
      return response
    }
    response.source.drop(new Error('another attempt is made'))
    return this.#again(reason)
  }

  #failed(error: unknown): Promise<OutboundResponse> {
    const reason = this.#given(reasonToRetry(this.#call, { error }))
    if (reason !== undefined) return this.#again(reason)
    this.#end()
    throw error
  }

  /** The reason, where it is one and there is leave. */
  #given(reason: Reason | undefined): Reason | undefined {
    if (reason === undefined) return undefined
    this.#leave ??= this.#ask(reason)
    return this.#leave && reason
  }

  async #again(reason: Reason): Promise<OutboundResponse> {
    const { clock, random, metrics } = this.#parts
    const waitMs = this.#leave!.atOnce ? 0 : backoffMs(random, this.#number)
    metrics.retries.with(this.#call.request.service, reason).value++
    this.#call.span?.decide('retry', { reason, backoff_ms: Math.ceil(waitMs) })
    try {
      if (!this.#leave!.atOnce) await pause(this.#call, waitMs, clock)
    } catch (error) {
      this.#end()
      throw error
    }
    return this.make(this.#number + 1)
  }

  #end(): void {
    this.#leave?.end()
    this.#endRequest()
  }

  /** True when no counted attempt may follow this one. */
  #isLast(): boolean {
    return this.#number - this.#uncounted >= this.#call.policy.attempts
  }

  #ask(reason: Reason): Leave | undefined {
    const stale = this.#free > 0 && onStaleConnection(this.#call, reason)
    if (stale) this.#uncounted++
    else if (this.#isLast()) return undefined
    const atOnce = stale || (this.#number === 1 && reason === 'refused')
    if (this.#free > 0 && (stale || this.#isFree(reason))) {
      this.#free--
      return { atOnce, end: () => {} }
    }
    const end = this.#call.upstream.budget.retry()
    if (end === undefined) this.#spent(reason)
    return end && { atOnce, end }
  }

  #spent(reason: Reason): void {
    this.#parts.metrics.spent.with(this.#call.request.service, reason).value++
    this.#call.span?.decide('retry-budget-spent', { reason })
  }

  #isFree(reason: Reason): boolean {
    if (reason === 'refused' || reason === 'shutting-down') return true
    const { upstream, attempt } = this.#call
    const { id } = attempt.candidate!
    return reason === 'reset' ? upstream.othersIn(id) : reason === 'timeout' && upstream.isolated(id)
  }
}

function begin(call: Call, number: number, last: boolean): void {
  const mayRepeat = !last && isIdempotent(call.request) && replayable(call.request.body, REPLAY_MAX_BYTES)
  call.attempt = newAttempt(number, mayRepeat)
}

/** Why this attempt does not count as the call's answer; undefined when it does, or when nothing would mend it. */
export function reasonToRetry(call: Call, outcome: Outcome): Reason | undefined {
  if (call.cancel.reason !== undefined) return undefined
  return 'response' in outcome ? reasonInAnswer(call, outcome.response) : reasonInFailure(call)
}

function reasonInAnswer(call: Call, { status, headers }: OutboundResponse): Reason | undefined {
  const request = sentRequest(call)
  const unavailable = request.grpc !== undefined && statusInHead(headers) === UNAVAILABLE
  if (!unavailable && (status < 502 || status > 504)) return undefined
  const code = header(headers, ERROR_HEADER)
  if (code === 'SHUTTING_DOWN') return replayable(request.body, REPLAY_MAX_BYTES) ? 'shutting-down' : undefined
  if (code === 'OVERLOADED') {
    const elsewhere = call.upstream.hasRoom(call.tried, ableFor(call)) && replayable(request.body, REPLAY_MAX_BYTES)
    return elsewhere ? 'overloaded' : undefined
  }
  if (code !== undefined) return undefined
  return isIdempotent(request) && replayable(request.body, REPLAY_MAX_BYTES) ? 'status' : undefined
}

function reasonInFailure(call: Call): Reason | undefined {
  const { failure } = call.attempt
  const request = sentRequest(call)
  if (failure === undefined) return undefined
  if (failure !== 'timeout' && isUnprocessed(failure)) {
    return replayable(request.body, Number.POSITIVE_INFINITY) ? 'refused' : undefined
  }
  if (!isIdempotent(request) || !replayable(request.body, REPLAY_MAX_BYTES)) return undefined
  return failure === 'timeout' ? 'timeout' : 'reset'
}

function replayable(body: Body | undefined, maxBytes: number): boolean {
  if (body instanceof Readable) return !body.readableDidRead && !body.destroyed && !body.readableEnded
  if (typeof body === 'object' && 'drop' in body) return !body.started
  return body === undefined || body.length <= maxBytes
}

function onStaleConnection({ attempt: { failure } }: Call, reason: Reason): boolean {
  return reason === 'reset' && typeof failure === 'object' && failure.reused && failure.stage === 'request'
}

/** Waits, or ends with the call. */
function pause(call: Call, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      forget()
      resolve()
    }
    const timer = clock.after(ms, done, true)
    const forget = call.cancel.on((reason) => {
      timer.cancel()
      reject(reason)
    })
  })
}
