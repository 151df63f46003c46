/** Gives the request its id and its span: the caller's where they are well-formed, else new ones. */
import { requestIdOf } from '../../telemetry/request-id.ts'
import { childSpan, parentIn } from '../../telemetry/trace.ts'
import type { ServiceStep } from '../exchange.ts'

export const identify: ServiceStep = (exchange, next) => {
  const { headers } = exchange.inbound
  exchange.requestId = requestIdOf(headers)
  exchange.trace = childSpan(parentIn(headers))
  return next(exchange)
}
