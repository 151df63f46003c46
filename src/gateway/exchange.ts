/** One request on its way through the gateway: what came in, what the steps found out, what went back. */
import type { Attempt, Body, Caller } from '../client/contract.ts'
import type { GrpcCall } from '../client/grpc.ts'
import type { Bagged } from '../core/bag.ts'
import { Cancel } from '../core/cancel.ts'
import type { Clock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { RawHeaders } from '../core/headers.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Span } from '../core/span.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import type { TraceContext } from '../telemetry/trace.ts'
import type { BodySource } from '../wire/body.ts'
import type { ExchangeObserver, Peer, RequestHead, ServerExchange } from '../wire/contract.ts'
import type { Allowance } from './allowance.ts'
import type { Identity } from './auth/contract.ts'
import { FieldEdits } from './field-edits.ts'
import type { Origin } from './forwarded.ts'
import { grpcCallOf } from './grpc.ts'
import type { IdleTimer } from './idle.ts'
import type { GatewayLimits } from './limits.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { GatewayRoute, GatewaySnapshot } from './snapshot.ts'
import type { Target } from './target.ts'

/** What steps work with: the same for every request. */
export interface Parts {
  readonly caller: Caller
  readonly clock: Clock
  /** Of what nearly always ends before them. */
  readonly timeouts: Timeouts
  readonly limits: GatewayLimits
  readonly log: Logger
  readonly metrics: GatewayMetrics
  readonly random: Random
  readonly allowance: Allowance
  /** Undefined: nothing is recorded. */
  readonly tracer?: Tracer | undefined
}

/** What an upstream answered; the body has been read by nobody. */
export interface UpstreamAnswer {
  readonly status: number
  readonly headers: RawHeaders
  readonly source: BodySource
}

/** Changes the upstream's answer before it is sent on. */
export type AnswerFilter = (answer: UpstreamAnswer) => Promise<UpstreamAnswer>

/** An answer of the gateway's own. Fields without framing. */
export interface Reply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string | Uint8Array
}

export class Exchange implements Bagged, ExchangeObserver {
  /** The engine's side of it: the body as it comes, and the answer on its way out. */
  readonly wire: ServerExchange
  readonly connection: Peer
  readonly snapshot: GatewaySnapshot
  readonly head: RequestHead
  /** Monotonic ms. */
  readonly startedAt: number
  /** Cancelled when the client has gone or its request turned out to be bad: nobody wants the answer. */
  readonly cancel = new Cancel()
  /** Where the request is a gRPC call: then the gateway's own answers are gRPC's too. */
  readonly grpc: GrpcCall | undefined
  place = -1
  #requestEdits: FieldEdits | undefined
  #answerEdits: FieldEdits | undefined

  // Set by the steps, in this order.
  requestId = ''
  trace: TraceContext | undefined
  /** Where the request is recorded; `trace` is its context. */
  span: Span | undefined
  origin: Origin | undefined
  target: Target | undefined
  route: GatewayRoute | undefined
  params: Readonly<Record<string, string>> = {}
  /** Who the client has proved to be. */
  identity: Identity | undefined
  /** Where the request goes: the route's service, unless a step chose another. */
  service: string | undefined
  /** The instance where the client's session is. */
  session: string | undefined
  body: Body | undefined
  bodyLength: number | undefined

  /** Path and query of the request as the upstream gets them, where they are not the target's. */
  upstreamPath: string | undefined
  upstreamQuery: string | undefined
  /** Host as the upstream gets it, where it is neither the client's nor the instance's own. */
  upstreamHost: string | undefined
  #filters: AnswerFilter[] | undefined
  /** The answer, where a step gives one in place of the upstream. */
  reply: Reply | undefined

  /** Of a gRPC call: touched by whatever passes, in either direction. */
  idle: IdleTimer | undefined

  // What came of it.
  status = 0
  grpcStatus: number | undefined
  bytes = 0
  instance: string | undefined
  attempts: readonly Attempt[] = []
  error: SkeinError | undefined

  constructor(wire: ServerExchange, snapshot: GatewaySnapshot, startedAt: number) {
    this.wire = wire
    this.connection = wire.peer
    this.snapshot = snapshot
    this.startedAt = startedAt
    this.head = wire.head
    this.grpc = wire.head.version === '2.0' ? grpcCallOf(wire.head) : undefined
  }

  /** The client has gone, whatever else had failed before. */
  isGone = false

  // Told by the engine, where somebody asks for it.
  onDrained: (() => void) | undefined
  ending: { over(): void } | undefined

  drained(): void {
    this.onDrained?.()
  }

  done(): void {
    this.ending?.over()
  }

  gone(cause: Error): void {
    this.isGone = true
    this.fail(new SkeinError('CANCELLED', 'the client has gone', { reason: 'client_gone' }, cause))
    this.ending?.over()
  }

  /** True where the client asks for a protocol other than HTTP. */
  get upgrading(): boolean {
    return this.head.upgrade !== undefined
  }

  /** Changes to the request's fields on their way to the upstream. */
  get requestEdits(): FieldEdits {
    this.#requestEdits ??= new FieldEdits()
    return this.#requestEdits
  }

  /** Changes to the fields of the answer, whoever gives it. */
  get answerEdits(): FieldEdits {
    this.#answerEdits ??= new FieldEdits()
    return this.#answerEdits
  }

  /** Filters of inner steps are run first, as the answer comes from below. */
  filterAnswer(filter: AnswerFilter): void {
    this.#filters ??= []
    this.#filters.unshift(filter)
  }

  /** Runs the filters that have not run yet. Without any, at once. */
  filtered(answer: UpstreamAnswer): UpstreamAnswer | Promise<UpstreamAnswer> {
    return this.#filters === undefined ? answer : runFilters(this.#filters, answer)
  }

  editedRequest(fields: string[]): string[] {
    return this.#requestEdits?.apply(fields) ?? fields
  }

  editedAnswer(fields: string[]): string[] {
    return this.#answerEdits?.apply(fields) ?? fields
  }

  get signal(): AbortSignal {
    return this.cancel.signal
  }

  /** Ends the exchange from outside its steps. The first reason counts. */
  fail(error: SkeinError): void {
    this.cancel.cancel(error)
  }

  /** Why `fail` was called, or undefined. */
  get failure(): SkeinError | undefined {
    return this.cancel.reason
  }
}

async function runFilters(filters: AnswerFilter[], answer: UpstreamAnswer): Promise<UpstreamAnswer> {
  let current = answer
  for (let filter = filters.shift(); filter !== undefined; filter = filters.shift()) current = await filter(current)
  return current
}
