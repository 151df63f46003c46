/** gRPC at the edge: which requests are calls, and what the gateway's own failures are to their callers. Pure. */
import {
  type GrpcCall,
  type GrpcStatusName,
  isGrpc,
  parseTimeout,
  statusNumber,
  TIMEOUT_HEADER,
} from '../client/grpc.ts'
import { type ErrorCode, SkeinError } from '../core/errors.ts'
import { header } from '../core/headers.ts'
import type { RequestHead } from '../wire/contract.ts'
import { H2StreamError } from '../wire/h2-stream.ts'
import { publicMessage } from './public-error.ts'

/** `timeoutMs` is NaN where it is malformed; step/refuse.ts takes none of those. */
export function grpcCallOf({ method, headers }: RequestHead): GrpcCall | undefined {
  if (method !== 'POST' || !isGrpc(header(headers, 'content-type'))) return undefined
  const timeout = header(headers, TIMEOUT_HEADER)
  return { timeoutMs: timeout === undefined ? undefined : (parseTimeout(timeout) ?? Number.NaN) }
}

/** gRPC's page "HTTP to gRPC status code mapping"; all others are UNKNOWN. */
const BY_HTTP_STATUS: Readonly<Record<number, GrpcStatusName>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
}

/** Where gRPC has a word of its own for what the page can only tell by its HTTP status. */
const BY_CODE: Partial<Record<ErrorCode, GrpcStatusName>> = {
  BODY_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  CANCELLED: 'CANCELLED',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  HEADERS_TOO_LARGE: 'RESOURCE_EXHAUSTED',
}

/** gRPC over HTTP/2, "Errors": what RST_STREAM means, by its code. A stream that was cut off with its connection has none of these. */
const BY_RESET: Readonly<Record<number, GrpcStatusName>> = {
  1: 'INTERNAL',
  2: 'INTERNAL',
  3: 'INTERNAL',
  4: 'INTERNAL',
  6: 'INTERNAL',
  9: 'INTERNAL',
  10: 'INTERNAL',
  11: 'RESOURCE_EXHAUSTED',
  12: 'PERMISSION_DENIED',
}

/** The number of the status, and the fields that say it. */
export function grpcError(error: SkeinError, service: string | undefined): [status: number, fields: string[]] {
  const name =
    BY_CODE[error.code] ?? BY_RESET[resetOf(error) ?? 0] ?? BY_HTTP_STATUS[error.kind.status] ?? ('UNKNOWN' as const)
  const status = statusNumber(name)
  return [status, ['grpc-status', String(status), 'grpc-message', encodeMessage(publicMessage(error, service))]]
}

/** A failure that a step has only as the status of its answer. */
export function errorOfStatus(status: number): SkeinError {
  const code = CODES[status] ?? 'INTERNAL'
  return new SkeinError(code, `the gateway answers with HTTP status ${status}`, { reason: 'http_status' })
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  429: 'RATE_LIMITED',
  502: 'UPSTREAM_FAILED',
  503: 'MAINTENANCE',
  504: 'DEADLINE_EXCEEDED',
}

/** The code of the RST_STREAM by which the upstream ended the call, where its connection lives. */
function resetOf(error: Error): number | undefined {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof H2StreamError) return cause.cause === undefined ? cause.code : undefined
  }
  return undefined
}

/** Percent-encoding as gRPC wants it: all but visible ASCII, and the percent sign. */
export function encodeMessage(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
