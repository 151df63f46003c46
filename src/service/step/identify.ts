/** Gives the request its id and its span: the caller's where they are well-formed, else new ones. */
import { randomUUID } from 'node:crypto'
import { header } from '../../core/headers.ts'
import { childSpan, parseTraceparent } from '../../telemetry/trace.ts'
import type { ServiceStep } from '../exchange.ts'

/** What may stand in a log line and in an answer's header. */
const REQUEST_ID = /^[\w.:+/=-]{1,128}$/

export const identify: ServiceStep = (exchange, next) => {
  const { rawHeaders } = exchange.request
  const given = header(rawHeaders, 'x-request-id')
  exchange.requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID()
  exchange.trace = childSpan(parseTraceparent(header(rawHeaders, 'traceparent'), header(rawHeaders, 'tracestate')))
  return next()
}
