import type { Step } from '../../core/compose.ts'
import type { Exchange } from '../exchange.ts'
import { originOf } from '../forwarded.ts'

/** Finds out who the client is: the peer, or whom trusted proxies name. */
export const tellOrigin: Step<Exchange, void> = (exchange, next) => {
  exchange.origin = originOf(exchange.head.headers, exchange.connection, exchange.snapshot.trusts)
  return next()
}
