/** W3C Trace Context (https://www.w3.org/TR/trace-context/), version 00. */
import { header, headerValues, type RawHeaders } from '../core/headers.ts'
import { newId } from './ids.ts'

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly traceState?: string | undefined
}

/** The trace-flag that says: recorded. */
export const SAMPLED = 1
/** That, and Level 2's "the id is random". No others may be passed on in version 00. */
const KNOWN_FLAGS = SAMPLED | 2

/** The context that a request brings. A state in several fields is one (§3.3). */
export function parentIn(headers: RawHeaders): TraceContext | undefined {
  const parent = header(headers, 'traceparent')
  if (parent === undefined) return undefined
  const states = headerValues(headers, 'tracestate')
  return parseTraceparent(parent, states.length > 1 ? states.join(',') : states[0])
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The context in a `traceparent`, or undefined when it is absent or malformed (then a new trace begins, §4.3). */
export function parseTraceparent(value: string | undefined, traceState?: string): TraceContext | undefined {
  const parts = value === undefined ? null : FORM.exec(value)
  if (parts === null) return undefined
  const [, version, traceId, spanId, flags, rest] = parts
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & KNOWN_FLAGS, traceState }
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
