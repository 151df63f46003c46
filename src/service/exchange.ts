/** One request on its way through the pipeline, and the running service it belongs to. */
import type { Readable } from 'node:stream'
import { Cancel } from '../core/cancel.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { Step } from '../core/compose.ts'
import type { CallContext } from '../core/context.ts'
import { SkeinError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { Priority } from '../core/priority.ts'
import type { Span } from '../core/span.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import type { TraceContext } from '../telemetry/trace.ts'
import type { Inbound } from './inbound.ts'

/** serving → draining (still serving, but not ready) → closing (what still comes is refused). */
export type Phase = 'serving' | 'draining' | 'closing'

/** What all requests of a running service share. */
export interface Host {
  readonly name: string
  /** The instance's ID; set, with the log that carries it, once the port is known. */
  instance: string
  log: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  /** Undefined: nothing is recorded. Set before the first request. */
  tracer?: Tracer | undefined
  phase: Phase
  /** Requests since its start that were refused, because it had too much to do. */
  refused: number
}

/** An answer. Header fields flat: name, value, name, value. */
export interface Reply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body?: string | Readable | undefined
}

/** Undefined as a reply: the app has written the answer itself. */
export type ServiceStep = Step<Exchange, Reply | undefined>

export class Exchange {
  readonly host: Host
  readonly inbound: Inbound
  readonly method: string
  /** Without query. */
  readonly path: string
  /** Without the question mark; empty when there is none. */
  readonly query: string
  readonly startedAt: number
  requestId = ''
  trace: TraceContext = { traceId: '', spanId: '', traceFlags: 0 }
  /** Where the request is recorded; `trace` is its context. */
  span: Span | undefined
  /** For logs and metrics, of low cardinality: the operation's name once the route is found. */
  operation = 'unknown'
  /** The path's template, once the route is found. */
  route: string | undefined
  /** The code of Skein's own error or of the declared one that was answered. */
  code: string | undefined
  /** True when this side failed in the middle of the answer, so that it is not laid at the caller's door. */
  brokeOff = false
  priority: Priority = 'interactive'
  /** The handler's work, where it goes on although its answer is no longer wanted. Never rejects. */
  leftBehind: Promise<unknown> | undefined
  /** Cancelled when the caller has gone or the deadline has passed. */
  readonly cancel = new Cancel()
  readonly #atEnd: (() => void)[] = []
  #deadline: number | undefined
  #timer: Timer | undefined

  constructor(host: Host, inbound: Inbound) {
    this.host = host
    this.inbound = inbound
    this.method = inbound.method
    const target = originForm(inbound.target)
    const mark = target.indexOf('?')
    this.path = mark < 0 ? target : target.slice(0, mark)
    this.query = mark < 0 ? '' : target.slice(mark + 1)
    this.startedAt = host.clock.monotonic()
    inbound.onOver = () => this.#end()
  }

  /** Calls `run` once the answer is out or the caller gone, in the order of registration. */
  onEnd(run: () => void): void {
    this.#atEnd.push(run)
  }

  /** An answer that is over before it was delivered has lost its caller. */
  #end(): void {
    this.stopTimer()
    if (!this.inbound.delivered) this.abort(new SkeinError('CANCELLED', 'the caller has gone'))
    for (const run of this.#atEnd) run()
  }

  /** `cancel` for those who want a signal; the reason is a SkeinError. */
  get signal(): AbortSignal {
    return this.cancel.signal
  }

  /** What calls made while serving this request inherit. */
  get callContext(): CallContext {
    return new Inherited(this, this.#deadline)
  }

  /** Monotonic ms. */
  get deadline(): number | undefined {
    return this.#deadline
  }

  millisecondsLeft(): number | undefined {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - this.host.clock.monotonic())
  }

  /** Sets the time that is left from now; only ever shortens it. */
  limitTime(ms: number): void {
    const deadline = this.host.clock.monotonic() + ms
    if (this.#deadline !== undefined && this.#deadline <= deadline) return
    this.#deadline = deadline
    this.#timer?.cancel()
    this.#timer = this.host.clock.after(ms, () => {
      this.abort(
        new SkeinError('DEADLINE_EXCEEDED', `${this.host.name}: no answer in time`, { service: this.host.name }),
      )
    })
  }

  /** The deadline is for the head of the answer: once that is there, it ends. */
  stopTimer(): void {
    this.#timer?.cancel()
  }

  abort(reason: SkeinError): void {
    this.stopTimer()
    this.cancel.cancel(reason)
  }
}

/** A handler that calls nobody needs no signal, and making one costs more than all the rest. */
class Inherited implements CallContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly traceState: string | undefined
  readonly requestId: string
  readonly span: Span | undefined
  readonly deadline: number | undefined
  readonly priority: Priority
  readonly #cancel: Cancel

  constructor({ trace, requestId, span, cancel, priority }: Exchange, deadline: number | undefined) {
    this.traceId = trace.traceId
    this.spanId = trace.spanId
    this.traceFlags = trace.traceFlags
    this.traceState = trace.traceState
    this.requestId = requestId
    this.span = span
    this.deadline = deadline
    this.priority = priority
    this.#cancel = cancel
  }

  get signal(): AbortSignal {
    return this.#cancel.signal
  }
}

/** A server must take `GET http://host/path` too (RFC 9112 §3.2.2); the authority says nothing to a service. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  return path.startsWith('/') ? path : `/${path}`
}
