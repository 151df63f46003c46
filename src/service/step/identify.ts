/** Gives the request its id and its span: the caller's where they are well-formed, else new ones. */
import { header } from '../../core/headers.ts'
import { requestIdOf } from '../../telemetry/request-id.ts'
import { childSpan, parseTraceparent } from '../../telemetry/trace.ts'
import type { ServiceStep } from '../exchange.ts'

export const identify: ServiceStep = (exchange, next) => {
  const { rawHeaders } = exchange.request
  exchange.requestId = requestIdOf(rawHeaders)
  exchange.trace = childSpan(parseTraceparent(header(rawHeaders, 'traceparent'), header(rawHeaders, 'tracestate')))
  return next()
}
