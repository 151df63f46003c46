/** How much the request matters: as its operation says, or less where the caller says so. */
import { header } from '../../core/headers.ts'
import { lower, PRIORITY_HEADER, type Priority, priorityIn } from '../../core/priority.ts'
import type { Exchange, ServiceStep } from '../exchange.ts'

export type PriorityOf = (exchange: Exchange) => Priority | undefined

export function prioritise(declared: PriorityOf | undefined): ServiceStep {
  return (exchange, next) => {
    const own = declared?.(exchange) ?? 'interactive'
    const asked = priorityIn(header(exchange.inbound.headers, PRIORITY_HEADER))
    exchange.priority = asked === undefined ? own : lower(own, asked)
    return next(exchange)
  }
}
