/**
 * A span as the code sees whose work it records. Where nothing is recorded there is none: `span?.set(…)` then costs one look and
 * makes nothing. What records and exports is in src/telemetry/spans/.
 */
import type { Decision } from './decisions.ts'

/** A whole number is sent as an integer, any other as a double. */
export type AttributeValue = string | number | boolean | readonly string[]
/** Undefined is left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>

export type SpanKind = 'internal' | 'server' | 'client'

/** All methods do nothing after `end`. Attributes and events beyond 128 each are counted and not kept. */
export interface Span {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  /** W3C trace-flags. */
  readonly traceFlags: number
  readonly traceState?: string | undefined
  /** Of few different values; never a raw path. */
  name: string
  set(attributes: Attributes): void
  /** Something that happened now. */
  event(name: string, attributes?: Attributes): void
  /** What Skein decided now, with facts by the names in the table. */
  decide(decision: Decision, facts?: Attributes): void
  /** It went wrong: `type` (few different values) becomes `error.type`. The first counts. */
  fail(type: string, message?: string): void
  /** A span below this one, begun now; to be ended by whoever asked for it. */
  child(name: string, kind?: SpanKind): Span
  /** Ends it now. Idempotent. */
  end(): void
}
