import type { Step } from '../../core/compose.ts'
import type { Keeper } from '../cache/keeper.ts'
import { keptPlaces } from '../cache/request.ts'
import type { Exchange } from '../exchange.ts'

/** Methods that change nothing (RFC 9110 §9.2.1). */
export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A change that succeeds makes untrue what is kept of the same URI, by whichever route (RFC 9111 §4.4). */
export function forget(keeper: Keeper): Step<Exchange, void> {
  return (exchange, next) => {
    if (SAFE.has(exchange.head.method)) return next(exchange)
    exchange.filterAnswer(async (answer) => {
      if (answer.status >= 200 && answer.status < 400) for (const place of keptPlaces(exchange)) keeper.forget(place)
      return answer
    })
    return next(exchange)
  }
}
