/** The header fields that every attempt carries beside the caller's own. */
import type { Clock } from '../core/clock.ts'
import { header, withoutHeaders } from '../core/headers.ts'
import { PRIORITY_HEADER } from '../core/priority.ts'
import { childSpan, formatTraceparent, parentIn } from '../telemetry/trace.ts'
import { type Call, sentRequest } from './call.ts'
import { formatTimeout, type GrpcCall, TIMEOUT_HEADER } from './grpc.ts'

export const DEADLINE_HEADER = 'x-skein-deadline-ms'
export const ATTEMPT_HEADER = 'x-skein-attempt'
export const ERROR_HEADER = 'x-skein-error'

/** Fields that are ours to write: framing and hop-by-hop (RFC 9110 §7.6.1), and those set below. */
const OURS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'traceparent',
  'tracestate',
  TIMEOUT_HEADER,
  DEADLINE_HEADER,
  ATTEMPT_HEADER,
])

/**
 * The caller's fields without ours, then the time left (relative, so that clocks need not agree), a span of its own for each
 * attempt, the request id, and the attempt's number.
 */
export function attemptHeaders(call: Call, clock: Clock): string[] {
  const { context, attempt } = call
  const request = sentRequest(call)
  const fields = withoutHeaders(request.headers, OURS)
  const span = attempt.span ?? childSpan(call.trace ?? context ?? parentIn(request.headers))
  const leftMs = Math.max(1, Math.floor(call.deadline - clock.monotonic()))
  // Of a call that has no end there is nothing to say.
  if (Number.isSafeInteger(leftMs)) fields.push(DEADLINE_HEADER, String(leftMs))
  fields.push('traceparent', formatTraceparent(span))
  if (span.traceState !== undefined) fields.push('tracestate', span.traceState)
  if (context?.requestId !== undefined && header(fields, 'x-request-id') === undefined) {
    fields.push('x-request-id', context.requestId)
  }
  if (context?.priority === 'batch' && header(fields, PRIORITY_HEADER) === undefined)
    fields.push(PRIORITY_HEADER, 'batch')
  fields.push(ATTEMPT_HEADER, String(attempt.number))
  if (request.grpc !== undefined) addGrpcFields(fields, request.grpc, call.startedAt, clock)
  return fields
}

/** gRPC's deadline is for all of a call, and so not that of the head above. */
function addGrpcFields(fields: string[], { timeoutMs }: GrpcCall, startedAt: number, clock: Clock): void {
  // By which servers tell a proxy that loses trailers.
  fields.push('te', 'trailers')
  if (timeoutMs !== undefined) fields.push(TIMEOUT_HEADER, formatTimeout(timeoutMs - (clock.monotonic() - startedAt)))
}
