/** An exchange as the client's outbound path sees it. */
import { hashKeyOf } from '../balance/hash-key.ts'
import type { Body, CallPolicy, OutboundRequest } from '../client/contract.ts'
import { type CallContext, runInContext } from '../core/context.ts'
import { withoutHeaders } from '../core/headers.ts'
import { requestHeaders } from './end-to-end.ts'
import type { Exchange } from './exchange.ts'
import { forwardedHeaders } from './forwarded.ts'
import type { GatewayLimits } from './limits.ts'

/** The request as it goes on: written anew from what was parsed, so that nothing unread passes through. */
export function outboundRequest(exchange: Exchange, limits: GatewayLimits): OutboundRequest {
  const { head, route, service, body, bodyLength, cancel, grpc } = exchange
  return {
    service: service!,
    method: head.method,
    path: outboundPath(exchange),
    headers: outboundHeaders(exchange),
    body,
    bodyLength,
    operation: route!.name,
    hashKey: outboundHashKey(exchange),
    policy: callPolicy(exchange, limits),
    signal: cancel,
    grpc,
    idempotent: route!.config.idempotent,
    context: contextOf(exchange),
  }
}

function contextOf({ trace, span, requestId }: Exchange): CallContext {
  const { traceId, spanId, traceFlags, traceState } = trace!
  return { traceId, spanId, traceFlags, traceState, span, requestId }
}

/** The deadline runs while the body is sent: that of small requests would cut large uploads off. */
function callPolicy({ route, body, grpc }: Exchange, { uploadMs }: GatewayLimits): CallPolicy {
  const { policy } = route!
  if (grpc !== undefined) return { ...policy, deadlineMs: grpcDeadline(policy.deadlineMs, grpc.timeoutMs) }
  return isStream(body) && policy.deadlineMs === undefined ? { ...policy, deadlineMs: uploadMs } : policy
}

/** Messages may go for hours before the head of an answer comes, where nobody sets an end: silence ends it then. */
const NO_END_MS = 24 * 3_600_000

function grpcDeadline(ours = NO_END_MS, theirs = NO_END_MS): number {
  return Math.min(ours, theirs)
}

function isStream(body: Body | undefined): boolean {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

export function outboundPath({ target, upstreamPath, upstreamQuery }: Exchange): string {
  const { path, query } = target!
  const [to, asked] = [upstreamPath ?? path, upstreamQuery ?? query]
  return asked === '' ? to : `${to}?${asked}`
}

const HOST: ReadonlySet<string> = new Set(['host'])

/** Without Host where the route wants the instance's own. What the gateway itself says of the client comes last: no edit reaches it. */
export function outboundHeaders(exchange: Exchange): string[] {
  const { head, origin, route, upstreamHost } = exchange
  const headers = exchange.editedRequest(requestHeaders(head.headers))
  const keepsHost = upstreamHost === undefined && route!.config.preserveHost !== false
  const kept = keepsHost ? headers : withoutHeaders(headers, HOST)
  if (upstreamHost !== undefined) kept.push('host', upstreamHost)
  kept.push(...forwardedHeaders(origin!))
  return kept
}

export function outboundHashKey(exchange: Exchange): string | undefined {
  const { route, origin, connection, head, params, target, session } = exchange
  if (session !== undefined) return session
  if (route!.hashOn === undefined) return undefined
  const { ip } = origin!
  return hashKeyOf(route!.hashOn, { ip, port: connection.port, headers: head.headers, params, query: target!.query })
}

/** Runs `call` as part of the exchange: its trace and request id go along. */
export function asPartOf<T>(exchange: Exchange, call: () => T): T {
  return runInContext(contextOf(exchange), call)
}
