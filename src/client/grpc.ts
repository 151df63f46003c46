/** What the outbound path knows of gRPC (its page on the protocol over HTTP/2): where the status is, and how time is written. Pure. */
import { header, type RawHeaders } from '../core/headers.ts'

/** What is known of a gRPC call before it goes out. */
export interface GrpcCall {
  /** What its caller gives it in all, ms; undefined = no end. */
  readonly timeoutMs: number | undefined
}

export const TIMEOUT_HEADER = 'grpc-timeout'

/** By their numbers. */
const STATUS_NAMES = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
] as const

export type GrpcStatusName = (typeof STATUS_NAMES)[number]

export const statusNumber = (name: GrpcStatusName): number => STATUS_NAMES.indexOf(name)
export const UNAVAILABLE = statusNumber('UNAVAILABLE')

/** As 500 and above: the service failed, and not the one who asked. UNIMPLEMENTED is a caller that asks for what is not there. */
const FAILURES: ReadonlySet<string> = new Set<GrpcStatusName>([
  ...(['UNKNOWN', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'] as const),
])

export function isFailure(status: number): boolean {
  return FAILURES.has(STATUS_NAMES[status] ?? 'UNKNOWN')
}

/** An answer of 500 and above, or one that is nothing but the failure of a gRPC call. What a stream ends with stands in no head. */
export function isFailed({ status, headers }: { readonly status: number; readonly headers: RawHeaders }): boolean {
  if (status !== 200) return status >= 500
  const grpcStatus = statusInHead(headers)
  return grpcStatus !== undefined && isFailure(grpcStatus)
}

/** Of one word, for metrics and logs. */
export function statusName(status: number): string {
  return STATUS_NAMES[status] ?? 'UNKNOWN'
}

/** The status in trailers, or in the head of an answer that is nothing but its trailers. */
export function statusInHead(fields: RawHeaders): number | undefined {
  const value = header(fields, 'grpc-status')
  return value !== undefined && /^\d{1,3}$/.test(value) ? Number(value) : undefined
}

/** `application/grpc`, with a format (`+proto`) or without; not gRPC-Web, which is another protocol. */
export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/i.test(contentType)
}

const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/** The value of `grpc-timeout` in ms; undefined for one that is malformed. */
export function parseTimeout(value: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? []
  return digits === undefined ? undefined : Number(digits) * UNITS_MS[unit!]!
}

/** At most eight digits, so that long times are told in seconds. Never 0: that would be no time at all. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.floor(ms))
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.floor(whole / 1000))}S`
}
