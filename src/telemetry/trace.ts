/** W3C Trace Context (https://www.w3.org/TR/trace-context/), version 00. */
import { newId } from './ids.ts'

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly traceState?: string | undefined
}

/** The trace-flag that says: recorded. */
export const SAMPLED = 1

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The context in a `traceparent`, or undefined when it is absent or malformed (then a new trace begins, §4.3). */
export function parseTraceparent(value: string | undefined, traceState?: string): TraceContext | undefined {
  const parts = value === undefined ? null : FORM.exec(value)
  if (parts === null) return undefined
  const [, version, traceId, spanId, flags, rest] = parts
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), traceState }
}

const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${HEX_BYTES[context.traceFlags]}`
}

/** A span below `parent`, or the root of a new sampled trace. */
export function childSpan(parent: TraceContext | undefined): TraceContext {
  const spanId = newId(8)
  if (parent === undefined) return { traceId: newId(16), spanId, traceFlags: 1, traceState: undefined }
  return { traceId: parent.traceId, spanId, traceFlags: parent.traceFlags, traceState: parent.traceState }
}
