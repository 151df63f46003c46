/**
 * Sends one attempt to the chosen instance. The only place that counts requests in flight: from here until the answer's
 * last byte, however it ends. Policies and metrics only read the counts, so none can leak one.
 */

import type { Readable } from 'node:stream'
import { penalised } from '../../balance/loads.ts'
import type { CancelListener } from '../../core/cancel.ts'
import { SkeinError } from '../../core/errors.ts'
import { header, type RawHeaders } from '../../core/headers.ts'
import type { Timed } from '../../core/timeouts.ts'
import type { Instance } from '../../discovery/contract.ts'
import type { BodySource } from '../../wire/body.ts'
import { toReadable } from '../../wire/incoming.ts'
import { WireError } from '../../wire/wire-error.ts'
import { type AttemptState, type Call, type Layer, type Parts, sentRequest } from '../call.ts'
import { beginLoad, type Candidate, endLoad } from '../candidate.ts'
import type { Attempt, Body, OutboundResponse } from '../contract.ts'
import { attemptTimedOut, instanceFailed } from '../failure.ts'
import { isFailure, statusInHead, statusName } from '../grpc.ts'
import { attemptHeaders, ERROR_HEADER } from '../headers.ts'
import { type BreakOff, type Message, type Receiver, TransportError } from '../transport.ts'

export const send: Layer = (parts) => (call) =>
  new Promise<OutboundResponse>((resolve, reject) => new Sending(parts, call, resolve, reject).begin())

/** One attempt under way: one object is all that it needs, from its message to the end of its answer. */
class Sending implements CancelListener, Receiver, Timed {
  place = -1
  dueAt = Number.POSITIVE_INFINITY
  readonly #parts: Parts
  readonly #call: Call
  readonly #resolve: (response: OutboundResponse) => void
  readonly #reject: (error: unknown) => void
  readonly #attempt: AttemptState
  readonly #candidate: Candidate
  readonly #account: Account
  #source: BodySource | undefined
  #head: RawHeaders | undefined
  #limitMs = 0
  #breakOff: BreakOff | undefined

  constructor(
    parts: Parts,
    call: Call,
    resolve: (response: OutboundResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#parts = parts
    this.#call = call
    this.#resolve = resolve
    this.#reject = reject
    this.#attempt = call.attempt
    this.#candidate = call.attempt.candidate!
    this.#account = new Account(parts, call, this.#candidate)
  }

  begin(): void {
    // Before the books are opened: it may throw on headers that are none.
    const message = messageOf(this.#call, this.#parts)
    const limitMs = timeoutOf(this.#call, this.#parts)
    this.#account.open()
    this.#breakOff = this.#parts.transport.send(this.#candidate.instance, message, this)
    if (limitMs !== undefined) this.#limit(limitMs)
    this.#call.cancel.add(this)
  }

  head(status: number, headers: RawHeaders, body: BodySource): void {
    this.#parts.timeouts.delete(this)
    const failedIn = this.#call.request.grpc && grpcFailure(headers)
    if (status === 503 && header(headers, ERROR_HEADER) === 'OVERLOADED') this.#account.refused()
    this.#account.settle(failedIn ?? status, status >= 500 || failedIn !== undefined)
    this.#source = body
    this.#head = headers
    this.#resolve(new Answer(status, headers, body, this.#candidate.instance, this.#call.attempts))
  }

  end(thrown?: Error, trailers?: RawHeaders): void {
    this.#parts.timeouts.delete(this)
    this.#call.cancel.remove(this)
    const attempt = this.#attempt
    const source = this.#source
    const error = thrown && asFailure(this.#call, attempt, this.#candidate, thrown)
    if (source === undefined) this.#account.settle(error!.code, attempt.failure !== undefined)
    if (this.#call.request.grpc !== undefined && thrown === undefined) this.#account.countGrpc(trailers, this.#head)
    this.#account.close()
    attempt.over = true
    attempt.trailers = trailers
    attempt.onEnd?.()
    attempt.onOver?.()
    if (source === undefined) this.#reject(error)
    else if (error !== undefined) source.drop(error)
  }

  #limit(ms: number): void {
    this.#limitMs = ms
    this.dueAt = this.#parts.clock.monotonic() + ms
    this.#parts.timeouts.add(this)
  }

  expired(): void {
    if (!mayGiveUp(this.#call)) return void this.#limit(this.#limitMs)
    this.#attempt.failure = 'timeout'
    this.#breakOff!(attemptTimedOut(this.#call, this.#candidate, this.#account.elapsed()))
  }

  cancelled(reason: SkeinError): void {
    const late = reason.code === 'DEADLINE_EXCEEDED' && this.#account.elapsed() >= shareOf(this.#call)
    if (late) this.#attempt.failure = 'timeout'
    this.#breakOff!(reason)
  }
}

/** The answer; most bodies are never needed as a Node stream, which costs more than all the rest. */
class Answer implements OutboundResponse {
  readonly status: number
  readonly headers: RawHeaders
  readonly source: BodySource
  readonly instance: Instance
  readonly attempts: readonly Attempt[]
  #stream: Readable | undefined

  constructor(
    status: number,
    headers: RawHeaders,
    source: BodySource,
    instance: Instance,
    attempts: readonly Attempt[],
  ) {
    this.status = status
    this.headers = headers
    this.source = source
    this.instance = instance
    this.attempts = attempts
  }

  get body(): Readable {
    // An error of a body that nobody reads must not end the process; who reads it gets it as well.
    this.#stream ??= toReadable(this.source).on('error', () => {})
    return this.#stream
  }
}

/**
 * How long an attempt may take until its head: what the policy says, else a third of the deadline where another
 * instance could still answer. Where none could, cutting an attempt short would only turn slow into failed.
 */
function timeoutOf(call: Call, { clock }: Parts): number | undefined {
  const { policy, attempt, upstream } = call
  const limit = policy.attemptTimeoutMs ?? (attempt.mayRepeat && upstream.size > 1 ? shareOf(call) : undefined)
  const left = call.deadline - clock.monotonic()
  return limit !== undefined && limit < left ? limit : undefined
}

/**
 * What the policy says holds. A share of the deadline is only for moving on: where no retry may follow, now perhaps
 * because many calls are slow at once, giving up would turn slow into failed as well.
 */
function mayGiveUp({ policy, attempt }: Call): boolean {
  return policy.attemptTimeoutMs !== undefined || attempt.moveOn?.() === true
}

function shareOf({ deadline, startedAt }: Call): number {
  return (deadline - startedAt) / 3
}

function messageOf(call: Call, { clock }: Parts): Message {
  const { method, path, body, bodyLength, grpc, idempotent } = sentRequest(call)
  const { bodyIdleMs, protocol = call.attempt.candidate!.protocol, tls } = call.policy
  const headers = attemptHeaders(call, clock)
  if (path?.[0] !== '/' && path !== '*')
    throw unsendable(call, `the path ${JSON.stringify(path)} does not begin with a slash`)
  if (body !== undefined) checkBody(call, body, bodyLength)
  const once = idempotent === false
  if (grpc === undefined) return { method, path, headers, body, bodyLength, once, bodyIdleMs, protocol, tls }
  // gRPC is nothing else than HTTP/2, whoever forgot to say so; and its streams may be silent for as long as they like.
  const spoken = protocol === 'http/1.1' ? 'h2c' : protocol
  return { method, path, headers, body, bodyLength, bodyIdleMs: Number.POSITIVE_INFINITY, protocol: spoken, tls }
}

/** What was read before would go out empty; with a length that is none, what follows the head would be read as another request. */
function checkBody(call: Call, body: Body, length: number | undefined): void {
  const isSource = typeof body === 'object' && body !== null && ('pipe' in body || 'drop' in body)
  if (!isSource && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw unsendable(call, 'the body is no text, bytes or stream')
  if (isSource && ('pipe' in body ? body.readableEnded : body.started))
    throw unsendable(call, 'the body has been read already')
  if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0))
    throw unsendable(call, `bodyLength: ${length} is no length`)
}

function unsendable({ request: { service } }: Call, why: string, cause?: unknown): SkeinError {
  return new SkeinError('BAD_REQUEST', `service "${service}": the request cannot be sent: ${why}`, { service }, cause)
}

/** The name of the status of an answer that is nothing but a failure. */
function grpcFailure(headers: RawHeaders): string | undefined {
  const status = statusInHead(headers)
  return status !== undefined && isFailure(status) ? statusName(status) : undefined
}

/** Whose doing the end was: the instance's, for which it is blamed, or this side's. */
function asFailure(call: Call, attempt: AttemptState, candidate: Candidate, error: Error): SkeinError {
  if (error instanceof TransportError) {
    attempt.failure = error
    return instanceFailed(call, candidate, error)
  }
  // What it cannot write, a transport says without knowing for whom it is.
  if (error instanceof SkeinError) {
    const { cause, details } = error
    const isUnsendable = cause instanceof WireError && details['reason'] === undefined
    return isUnsendable ? unsendable(call, cause.message, cause) : error
  }
  return new SkeinError(
    'CANCELLED',
    `service "${call.request.service}": ${error.message}`,
    { service: call.request.service },
    error,
  )
}

/** What a refusal counts as at least, ms: one that refuses fast must not look like a fast one. Failures count far more. */
const REFUSAL_MS = 100

/** The books of one attempt: load, metrics, the list of attempts. */
class Account {
  readonly #parts: Parts
  readonly #call: Call
  readonly #candidate: Candidate
  readonly #startedAt: number
  #gauge: { value: number } | undefined
  #latencyMs: number | undefined
  #isRefused = false

  constructor(parts: Parts, call: Call, candidate: Candidate) {
    this.#parts = parts
    this.#call = call
    this.#candidate = candidate
    this.#startedAt = parts.clock.monotonic()
  }

  open(): void {
    beginLoad(this.#candidate)
    this.#gauge = this.#parts.metrics.inFlight.with(this.#call.request.service, this.#candidate.id)
    this.#gauge.value++
  }

  elapsed(): number {
    return this.#parts.clock.monotonic() - this.#startedAt
  }

  /** It has too much to do, which is load and no failure. */
  refused(): void {
    this.#isRefused = true
    const { upstream } = this.#call
    if (upstream.holds(this.#candidate)) upstream.refusals.note(this.#candidate.id)
  }

  /** The attempt has its outcome: the status of a head, or the code of an error. */
  settle(outcome: number | string, failed: boolean): void {
    const { metrics } = this.#parts
    const { service, operation = this.#call.request.method } = this.#call.request
    const { id, key } = this.#candidate
    const durationMs = this.elapsed()
    const { hedge, outpaced } = this.#call.attempt
    const tells = typeof outcome === 'number' || outpaced
    if (this.#isRefused) this.#latencyMs = Math.max(durationMs, REFUSAL_MS)
    else this.#latencyMs = failed ? penalised(durationMs) : tells ? durationMs : undefined
    this.#call.attempts.push({ instance: id, address: key, outcome, durationMs, ...(hedge && { hedge }) })
    // Its series have been forgotten with it; a late answer must not bring them back.
    if (!this.#call.upstream.has(id)) return
    metrics.requests.with(service, operation, id, String(outcome)).value++
    metrics.duration.observe(metrics.duration.with(service, operation, id), durationMs / 1000)
  }

  /** What came of a gRPC call, wherever its status stood. */
  countGrpc(trailers: RawHeaders | undefined, head: RawHeaders | undefined): void {
    const status = statusInHead(trailers ?? []) ?? statusInHead(head ?? []) ?? 2
    const { service, operation = this.#call.request.method } = this.#call.request
    const { id } = this.#candidate
    if (this.#call.upstream.has(id)) this.#parts.metrics.grpc.with(service, operation, id, statusName(status)).value++
  }

  close(): void {
    endLoad(this.#candidate, this.#latencyMs, this.#call.attempt.outpaced)
    this.#gauge!.value--
  }
}
