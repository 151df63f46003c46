/** The server span of a request, from its head until its answer is complete; of a WebSocket until it closes. */
import { isFailure, statusName } from '../../client/grpc.ts'
import { ERRORS } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import { ownText } from '../../core/own-text.ts'
import type { Span } from '../../core/span.ts'
import { ERRORS_FROM, methodName, serverAttributes, tellError, tellStatus } from '../../telemetry/spans/http-words.ts'
import { recorded, type Tracer } from '../../telemetry/spans/tracer.ts'
import type { TraceContext } from '../../telemetry/trace.ts'
import type { Exchange } from '../exchange.ts'
import { reasonOf } from '../public-error.ts'

export function beginSpan(exchange: Exchange, tracer: Tracer, parent: TraceContext | undefined): void {
  const { method, target, headers, version } = exchange.head
  exchange.trace = tracer.begin(parent, methodName(method), 'server', parent !== undefined)
  exchange.span = recorded(exchange.trace)
  exchange.span?.set(
    serverAttributes({
      ...{ method, target, version },
      scheme: exchange.connection.secure ? 'https' : 'http',
      host: header(headers, 'host'),
      userAgent: header(headers, 'user-agent'),
      requestId: exchange.requestId,
    }),
  )
}

export function endSpan(exchange: Exchange): void {
  const { span, route, head, status, grpcStatus, attempts } = exchange
  if (span === undefined) return
  const template = route && (route.config.path ?? '/*')
  if (template !== undefined) span.name = `${methodName(head.method)} ${template}`
  span.set({
    'http.route': template,
    'client.address': ownText(exchange.origin?.ip ?? exchange.connection.ip),
    'skein.route': route?.name,
    'skein.service': exchange.service,
    'skein.instance': exchange.instance,
    'skein.attempts': attempts.length > 0 ? attempts.length : undefined,
  })
  tellEnd(exchange, span)
  if (grpcStatus !== undefined) tellGrpc(span, grpcStatus)
  // 499 is for the log: nobody was there to be sent it.
  if (status !== ERRORS.CANCELLED.status) tellStatus(span, status, ERRORS_FROM.server)
  span.end()
}

/** Whatever the HTTP status says. */
function tellGrpc(span: Span, status: number): void {
  span.set({ 'rpc.grpc.status_code': status })
  if (isFailure(status)) span.fail(statusName(status))
}

/** What the gateway itself has to say of the answer. */
function tellEnd({ error, status }: Exchange, span: Span): void {
  if (error === undefined) return
  span.set({ 'skein.code': error.code, 'skein.reason': reasonOf(error) })
  if (status >= ERRORS_FROM.server || error.code === 'CANCELLED') tellError(span, error.code, error.message)
}
