/** What the steps of the pipeline share about one call. */

import type { Cancel } from '../core/cancel.ts'
import type { Clock } from '../core/clock.ts'
import type { CallContext } from '../core/context.ts'
import type { RawHeaders } from '../core/headers.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Span } from '../core/span.ts'
import type { Timeouts } from '../core/timeouts.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import type { clientMetrics } from '../telemetry/standard.ts'
import type { TraceContext } from '../telemetry/trace.ts'
import type { Candidate } from './candidate.ts'
import type { Attempt, OutboundRequest, OutboundResponse } from './contract.ts'
import type { Policies } from './policy.ts'
import type { Transport, TransportError } from './transport.ts'
import type { Upstream } from './upstream.ts'

export interface Call {
  readonly request: OutboundRequest
  readonly policy: Policies
  readonly upstream: Upstream
  readonly context: CallContext | undefined
  /** Where calls are recorded: under what the attempts are, which is `span` where this one is. */
  trace: TraceContext | undefined
  span: Span | undefined
  /** Monotonic ms. */
  readonly startedAt: number
  /** Monotonic ms at which the head of the answer is no longer wanted. */
  readonly deadline: number
  /** Cancels the whole call: the deadline has passed or the caller has gone. */
  readonly cancel: Cancel
  /** Finished attempts, in order. */
  readonly attempts: Attempt[]
  /** Instances that were tried, so that another attempt goes elsewhere. */
  readonly tried: string[]
  /** The attempt under way. */
  attempt: AttemptState
}

export interface AttemptState {
  /** From 1. */
  readonly number: number
  /** Where the call is recorded. */
  span: Span | undefined
  /** True when another one may follow although this one was sent. */
  readonly mayRepeat: boolean
  /** Asks for leave to try elsewhere when this one is slow; with it, it must be given up. Absent = no other may follow. */
  moveOn: (() => boolean) | undefined
  candidate: Candidate | undefined
  /** True when outlier detection has been told that it began. */
  awaited: boolean
  /** The request as the candidate wants it, where that is not as it stands. */
  tailored: OutboundRequest | undefined
  /** How the instance failed, where it did. */
  failure: TransportError | 'timeout' | undefined
  /** It was sent beside another one that was slow. */
  hedge: boolean
  /** It was given up because another one had answered. */
  outpaced: boolean
  /** True when the exchange is over, the answer's body included. */
  over: boolean
  /** Called when it becomes so. */
  onOver: (() => void) | undefined
  /** Of a complete answer that had some. */
  trailers: RawHeaders | undefined
  /** Called before `onOver`, by who judges the attempt by its end. */
  onEnd: (() => void) | undefined
}

export function newAttempt(number: number, mayRepeat: boolean): AttemptState {
  return {
    number,
    span: undefined,
    mayRepeat,
    moveOn: undefined,
    candidate: undefined,
    awaited: false,
    tailored: undefined,
    failure: undefined,
    hedge: false,
    outpaced: false,
    over: false,
    onOver: undefined,
    trailers: undefined,
    onEnd: undefined,
  }
}

/** A call's second leg: an attempt of its own that can be cancelled by itself; the rest is the call's. */
export function branchOf(call: Call, attempt: AttemptState, cancel: Cancel): Call {
  return { ...call, attempt, cancel }
}

/** The request as it goes out in the attempt under way. */
export function sentRequest({ request, attempt }: Call): OutboundRequest {
  return attempt.tailored ?? request
}

/** Never throws: what is wrong is a rejection. */
export type Handler = (call: Call) => Promise<OutboundResponse>

/** What steps are made of beside the call. */
export interface Parts {
  readonly clock: Clock
  /** Of calls and attempts. */
  readonly timeouts: Timeouts
  readonly random: Random
  readonly log: Logger
  readonly metrics: ReturnType<typeof clientMetrics>
  readonly transport: Transport
  /** Undefined: nothing is recorded. */
  readonly tracer?: Tracer | undefined
}

/** One step: what it does around the rest of the pipeline. Unlike middleware it may run the rest more than once. */
export type Layer = (parts: Parts, next: Handler) => Handler
