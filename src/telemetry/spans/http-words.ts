/** What OpenTelemetry's stable conventions for HTTP say of a span (semantic-conventions, docs/http/http-spans.md). */

import { bareHost } from '../../core/authority.ts'
import type { Decision } from '../../core/decisions.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { ownText } from '../../core/own-text.ts'
import type { Attributes, Span } from '../../core/span.ts'

const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY'],
])

const METHOD_MAX = 64

/** One of those that are known, as anybody may send any word; that word is told beside it. */
export function methodAttributes(method: string): Attributes {
  if (METHODS.has(method)) return { 'http.request.method': method }
  return { 'http.request.method': '_OTHER', 'http.request.method_original': ownText(method.slice(0, METHOD_MAX)) }
}

/** For names of spans. */
export function methodName(method: string): string {
  return METHODS.has(method) ? method : 'HTTP'
}

const PATH_MAX = 2048

/** Without the query, where tokens and names of people are found. */
function pathOf(target: string): string {
  return target.split('?', 1)[0]!.slice(0, PATH_MAX)
}

/** For `url.full`, in memory of its own: of a gateway's attempt the target is cut out of its client's head. */
export function urlOf(origin: string, target: string): string {
  return ownText(origin + pathOf(target))
}

export interface ServerRequest {
  readonly method: string
  /** Path, with or without query. */
  readonly target: string
  readonly scheme: string
  /** The Host header. */
  readonly host: string | undefined
  readonly version: string
  readonly userAgent: string | undefined
  readonly requestId: string
}

/** What is known of a request that has come. In memory of its own: spans wait for seconds, and are not to keep heads of requests. */
export function serverAttributes(request: ServerRequest): Attributes {
  const [, address, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(request.host ?? '') ?? []
  return {
    ...methodAttributes(request.method),
    'url.path': ownText(pathOf(request.target)),
    'url.scheme': request.scheme,
    'server.address': address ? ownText(bareHost(address)) : undefined,
    'server.port': port === undefined ? undefined : Number(port),
    'network.protocol.version': request.version === '2.0' ? '2' : request.version,
    'user_agent.original': request.userAgent && ownText(request.userAgent.slice(0, PATH_MAX)),
    'skein.request_id': ownText(request.requestId),
  }
}

/** From which status on an answer is an error: who serves is not to blame for 4xx, and who asks has not got what was asked for. */
export const ERRORS_FROM = { server: 500, client: 400 } as const

/** `code` says more than the status, where there is one; it may be out of a head. */
export function tellStatus(span: Span, status: number, errorsFrom: number, code?: string): void {
  if (status >= 100) span.set({ 'http.response.status_code': status })
  if (status >= errorsFrom) span.fail(code === undefined ? String(status) : ownText(code))
}

/** Errors that are decisions. */
const DECISIONS_BY_CODE: Partial<Record<ErrorCode, Decision>> = {
  CIRCUIT_OPEN: 'circuit-open',
  BULKHEAD_FULL: 'bulkhead-full',
  DEADLINE_EXCEEDED: 'deadline-exceeded',
}

/** An error of Skein's own, that the work ended with. */
export function tellError(span: Span, code: string, message?: string): void {
  const decision = Object.hasOwn(DECISIONS_BY_CODE, code) ? DECISIONS_BY_CODE[code as ErrorCode] : undefined
  if (decision !== undefined) span.decide(decision)
  span.fail(code, message)
}
