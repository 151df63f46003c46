/** W3C Trace Context (https://www.w3.org/TR/trace-context/), version 00. */
import { randomBytes } from 'node:crypto'

export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly traceState?: string | undefined
}

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

/** Random digits come in slabs: one system call, and one conversion to text, for a thousand ids. */
const SLAB_BYTES = 8 * 1024
let slab = ''
let used = 0

function newId(bytes: number): string {
  if (used + 2 * bytes > slab.length) {
    slab = randomBytes(SLAB_BYTES).toString('hex')
    used = 0
  }
  const id = slab.slice(used, used + 2 * bytes)
  used += 2 * bytes
  return id.startsWith('00000000') && /^0+$/.test(id) ? newId(bytes) : id
}
