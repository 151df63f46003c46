import { randomUUID } from 'node:crypto'
import type { Step } from '../../core/compose.ts'
import { header } from '../../core/headers.ts'
import { childSpan, parseTraceparent } from '../../telemetry/trace.ts'
import type { Exchange } from '../exchange.ts'

/** Continues the client's trace and keeps its request id where both are well-formed; otherwise begins new ones. */
export const identify: Step<Exchange, void> = (exchange, next) => {
  const { headers } = exchange.head
  exchange.requestId = knownId(header(headers, 'x-request-id')) ?? randomUUID()
  exchange.trace = childSpan(parseTraceparent(header(headers, 'traceparent'), header(headers, 'tracestate')))
  return next()
}

/** An id that can stand in a log, a header and a URL as it is. */
function knownId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\w.:-]{1,128}$/.test(id) ? id : undefined
}
