import { header } from '../../core/headers.ts'
import { requestIdOf } from '../../telemetry/request-id.ts'
import { childSpan, parseTraceparent } from '../../telemetry/trace.ts'
import type { Exchange } from '../exchange.ts'

/** Continues the client's trace and keeps its request id where both are well-formed; otherwise begins new ones. */
export function identify(exchange: Exchange): void {
  const { headers } = exchange.head
  exchange.requestId = requestIdOf(headers)
  exchange.trace = childSpan(parseTraceparent(header(headers, 'traceparent'), header(headers, 'tracestate')))
}
