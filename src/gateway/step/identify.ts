import { requestIdOf } from '../../telemetry/request-id.ts'
import { childSpan, parentIn } from '../../telemetry/trace.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { beginSpan } from './record.ts'

/** Continues the client's trace and keeps its request id where both are well-formed; otherwise begins new ones. */
export function identify({ tracer }: Pick<Parts, 'tracer'>): (exchange: Exchange) => void {
  return (exchange) => {
    const { headers } = exchange.head
    exchange.requestId = requestIdOf(headers)
    const parent = parentIn(headers)
    if (tracer === undefined) exchange.trace = childSpan(parent)
    else beginSpan(exchange, tracer, parent)
  }
}
