/** Records spans and hands those that have ended to a sink. */
import type { Clock } from '../../core/clock.ts'
import { ownText } from '../../core/own-text.ts'
import type { SpanKind } from '../../core/span.ts'
import { childSpan, SAMPLED, type TraceContext } from '../trace.ts'
import type { Sampler, SpanSink } from './contract.ts'
import { RecordedSpan } from './recorded-span.ts'
import { SpanClock } from './span-clock.ts'

export interface TracerOptions {
  readonly sink: SpanSink
  readonly sampler: Sampler
  readonly clock: Clock
}

export class Tracer {
  readonly #sink: SpanSink
  readonly #sampler: Sampler
  readonly #clock: SpanClock

  constructor({ sink, sampler, clock }: TracerOptions) {
    this.#sink = sink
    this.#sampler = sampler
    this.#clock = new SpanClock(clock)
  }

  /**
   * Begins a span below `parent`, or a new trace. Where the sampler does not want it recorded, only a context comes back, whose flags
   * tell everybody below the same. `isRemote`: the parent is in another process.
   */
  begin(parent: TraceContext | undefined, name: string, kind: SpanKind, isRemote = false): TraceContext | RecordedSpan {
    const context = childSpan(parent)
    const isSampled = this.#sampler(context.traceId, parent)
    const traceFlags = isSampled ? context.traceFlags | SAMPLED : context.traceFlags & ~SAMPLED
    if (!isSampled) return { ...context, traceFlags }
    const above = isRemote && parent !== undefined ? owned(parent) : parent
    return new RecordedSpan({
      traceId: above?.traceId ?? context.traceId,
      spanId: context.spanId,
      parentSpanId: above?.spanId,
      hasRemoteParent: isRemote,
      traceFlags,
      traceState: above?.traceState,
      ...{ name, kind, sink: this.#sink, clock: this.#clock, offset: this.#clock.offset() },
    })
  }
}

/** A context comes out of a head, which a span is not to keep. */
function owned({ traceId, spanId, traceFlags, traceState }: TraceContext): TraceContext {
  return {
    traceId: ownText(traceId),
    spanId: ownText(spanId),
    traceFlags,
    traceState: traceState && ownText(traceState),
  }
}

/** What `begin` gave, where it is recorded. */
export function recorded(begun: TraceContext | RecordedSpan): RecordedSpan | undefined {
  return begun instanceof RecordedSpan ? begun : undefined
}
