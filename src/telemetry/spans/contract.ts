/**
 * Spans: what is recorded, who decides whether, and where it goes. A sink must not throw and must not wait; it owns what it is
 * given. Names and forms are OpenTelemetry's (trace/sdk.md of its specification).
 */
import type { AttributeValue, SpanKind } from '../../core/span.ts'

export interface SpanEvent {
  readonly name: string
  /** Nanoseconds since the epoch, good to a microsecond. */
  readonly timeNs: bigint
  readonly attributes: ReadonlyMap<string, AttributeValue>
}

export interface SpanStatus {
  readonly code: 'unset' | 'error'
  readonly message?: string | undefined
}

/** A span that has ended. */
export interface FinishedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** The parent is in another process. */
  readonly hasRemoteParent: boolean
  readonly traceFlags: number
  readonly traceState?: string | undefined
  readonly name: string
  readonly kind: SpanKind
  /** Nanoseconds since the epoch, good to a microsecond. Within one process durations are exact; clocks of machines may differ. */
  readonly startNs: bigint
  readonly endNs: bigint
  readonly status: SpanStatus
  readonly attributes: ReadonlyMap<string, AttributeValue>
  readonly droppedAttributes: number
  readonly events: readonly SpanEvent[]
  readonly droppedEvents: number
}

export interface SpanSink {
  add(span: FinishedSpan): void
}

/** Is the span below `parent` (undefined = a root) to be recorded? Must give the same answer for the same trace everywhere. */
export type Sampler = (traceId: string, parent: { readonly traceFlags: number } | undefined) => boolean
