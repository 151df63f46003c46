/** The server span of a request, from its head until its answer is out or its caller gone. */
import { header } from '../../core/headers.ts'
import type { Span } from '../../core/span.ts'
import { ERRORS_FROM, methodName, serverAttributes, tellError, tellStatus } from '../../telemetry/spans/http-words.ts'
import { recorded, type Tracer } from '../../telemetry/spans/tracer.ts'
import { parentIn } from '../../telemetry/trace.ts'
import type { Exchange, ServiceStep } from '../exchange.ts'

export function record(tracer: Tracer): ServiceStep {
  return (exchange, next) => {
    const { inbound, method } = exchange
    const { headers } = inbound
    const parent = parentIn(headers)
    exchange.trace = tracer.begin(parent, methodName(method), 'server', parent !== undefined)
    const span = recorded(exchange.trace)
    if (span === undefined) return next(exchange)
    exchange.span = span
    span.set(
      serverAttributes({
        method,
        target: exchange.path,
        scheme: 'http',
        host: header(headers, 'host'),
        version: inbound.version,
        userAgent: header(headers, 'user-agent'),
        requestId: exchange.requestId,
      }),
    )
    exchange.onEnd(() => finish(exchange, span))
    return next(exchange)
  }
}

function finish(exchange: Exchange, span: Span): void {
  const { inbound, code, brokeOff, route, operation, method } = exchange
  if (route !== undefined) span.name = `${methodName(method)} ${route}`
  span.set({ 'http.route': route, 'skein.operation': route && operation })
  if (code !== undefined && inbound.status >= ERRORS_FROM.server) tellError(span, code)
  tellStatus(span, inbound.status, ERRORS_FROM.server, code)
  if (brokeOff) span.fail('broke_off')
  else if (!inbound.delivered) span.fail('CANCELLED', 'the caller has gone')
  if (code !== undefined) span.set({ 'skein.code': code })
  span.end()
}
