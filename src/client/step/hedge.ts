/**
 * Asks a second instance when the first has not answered after a while, and takes whichever good answer comes first; the other is
 * cancelled. Against the slow tail: of instances that pause now and then, rarely two pause at once. Costs requests, so each comes
 * out of the retry budget: a service that is slow as a whole gets no more of them than of retries.
 *
 * Only for what reads: two at once of a PUT are not the same as one after the other. Only with the first attempt; when all that were
 * sent have failed, retry goes on as ever. Nothing lasts beyond the deadline, as both legs are cancelled by the call.
 *
 * What was cancelled for being slow has taken at least so long: its load learns that, and its silence goes on counting; else a hung
 * instance, never waited for, would never be ejected. Sources: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013; gRFC A6.
 */
import { Cancel } from '../../core/cancel.ts'
import type { Timer } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { type AttemptState, branchOf, type Call, type Handler, type Layer, newAttempt, type Parts } from '../call.ts'
import type { Body, OutboundRequest, OutboundResponse } from '../contract.ts'
import { type HedgePolicy, PERCENTILES } from '../hedge-policy.ts'
import { RecentLatencies } from '../recent-latencies.ts'
import type { Upstream } from '../upstream.ts'
import { ableFor } from './choose.ts'
import { type Outcome, reasonToRetry } from './retry.ts'

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export const hedge: Layer = (parts, next) => {
  const seen = new WeakMap<Upstream, Map<string, RecentLatencies>>()
  return (call) => {
    const policy = call.policy.hedge
    if (policy === undefined || call.attempt.number > 1 || !onlyReads(call.request)) return next(call)
    const { delayMs } = policy
    const raceAfter = (ms: number) => new Race(call, next, parts, policy, ms).run()
    if (typeof delayMs === 'number') return raceAfter(delayMs)
    const recent = recentOf(seen, call)
    const begun = parts.clock.monotonic()
    const usual = recent.quantile(PERCENTILES[delayMs])
    return (usual === undefined ? next(call) : raceAfter(usual)).then((response) => {
      // A failure may be quick: by what it took all would be slow.
      if (response.status < 500) recent.add(parts.clock.monotonic() - begun)
      return response
    })
  }
}

/** A POST only where it was said of it that it may be repeated: then it is a question too long for a path. */
function onlyReads({ method, idempotent, body }: OutboundRequest): boolean {
  const reads = READS.has(method) ? idempotent !== false : method === 'POST' && idempotent === true
  return reads && canBeSentTwice(body)
}

function canBeSentTwice(body: Body | undefined): boolean {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array
}

function recentOf(seen: WeakMap<Upstream, Map<string, RecentLatencies>>, call: Call): RecentLatencies {
  const { operation = call.request.method } = call.request
  let operations = seen.get(call.upstream)
  if (operations === undefined) {
    operations = new Map()
    seen.set(call.upstream, operations)
  }
  let recent = operations.get(operation)
  if (recent === undefined) {
    recent = new RecentLatencies()
    operations.set(operation, recent)
  }
  return recent
}

/** One leg of the race: an attempt that was sent and has not ended. */
interface Leg {
  readonly call: Call
  /** Gives its leave of the budget back. */
  readonly release: () => void
}

class Race {
  readonly #call: Call
  readonly #next: Handler
  readonly #parts: Parts
  readonly #delayMs: number
  readonly #running = new Set<Leg>()
  readonly #settled = Promise.withResolvers<OutboundResponse>()
  #left: number
  #timer: Timer | undefined
  /** The best of what has failed, while another leg is under way. */
  #failed: { leg: Leg; outcome: Outcome } | undefined
  #over = false

  constructor(call: Call, next: Handler, parts: Parts, { max = 1 }: HedgePolicy, delayMs: number) {
    this.#call = call
    this.#next = next
    this.#parts = parts
    this.#left = max
    this.#delayMs = delayMs
  }

  run(): Promise<OutboundResponse> {
    this.#send(this.#call.attempt, () => {})
    this.#wait()
    return this.#settled.promise
  }

  #wait(): void {
    if (!this.#over) this.#timer = this.#parts.clock.after(this.#delayMs, () => this.#hedge())
  }

  #hedge(): void {
    const { upstream, attempt, tried, request } = this.#call
    const { hedges } = this.#parts.metrics
    // Still waiting for the registry's first word, or nobody else there to ask.
    if (attempt.candidate === undefined || !upstream.hasRoom(tried, ableFor(this.#call))) return
    const release = upstream.budget.retry()
    if (release === undefined) {
      hedges.with(request.service, 'over_budget').value++
      this.#call.span?.decide('hedge', { outcome: 'over_budget' })
      return
    }
    hedges.with(request.service, 'sent').value++
    this.#call.span?.decide('hedge', { outcome: 'sent', after_ms: Math.ceil(this.#delayMs) })
    const second = newAttempt(tried.length + 1, attempt.mayRepeat)
    second.hedge = true
    second.moveOn = attempt.moveOn = askedOnce(attempt.moveOn)
    this.#send(second, release)
    if (--this.#left > 0) this.#wait()
  }

  #send(attempt: AttemptState, release: () => void): void {
    const cancel = new Cancel()
    this.#call.cancel.on((reason) => cancel.cancel(reason))
    const leg = { call: branchOf(this.#call, attempt, cancel), release }
    this.#running.add(leg)
    this.#next(leg.call).then(
      (response) => this.#ended(leg, { response }),
      (error: unknown) => this.#ended(leg, { error }),
    )
  }

  #ended(leg: Leg, outcome: Outcome): void {
    this.#running.delete(leg)
    leg.release()
    if (this.#over) discard(outcome)
    else if ('response' in outcome && reasonToRetry(leg.call, outcome) === undefined) this.#end(leg, outcome)
    else this.#fail(leg, outcome)
  }

  /** It counts only when all others fail too; of the failures an answer tells more than an error. */
  #fail(leg: Leg, outcome: Outcome): void {
    const worse = this.#failed !== undefined && 'error' in outcome
    if (!worse) {
      if (this.#failed !== undefined) discard(this.#failed.outcome)
      this.#failed = { leg, outcome }
    }
    if (this.#running.size === 0) this.#end(this.#failed!.leg, this.#failed!.outcome)
  }

  /** What comes after the race is judged by the leg that ended it. */
  #end(leg: Leg, outcome: Outcome): void {
    this.#over = true
    this.#timer?.cancel()
    const { service } = this.#call.request
    if (this.#failed !== undefined && this.#failed.leg !== leg) discard(this.#failed.outcome)
    for (const { call } of this.#running) {
      call.attempt.outpaced = true
      call.cancel.cancel(
        new SkeinError('CANCELLED', `service "${service}": another instance has answered`, { service }),
      )
    }
    if (leg.call.attempt.hedge && 'response' in outcome) {
      this.#parts.metrics.hedges.with(service, 'won').value++
      this.#call.span?.decide('hedge', { outcome: 'won' })
    }
    this.#call.attempt = leg.call.attempt
    if ('response' in outcome) this.#settled.resolve(outcome.response)
    else this.#settled.reject(outcome.error)
  }
}

/** For both legs: leave to go on elsewhere is for the call, so who has it asks no more. */
function askedOnce(moveOn: AttemptState['moveOn']): AttemptState['moveOn'] {
  let granted = false
  return () => {
    granted ||= moveOn?.() === true
    return granted
  }
}

function discard(outcome: Outcome): void {
  if ('response' in outcome) outcome.response.source.drop(new Error('another instance has answered'))
}
