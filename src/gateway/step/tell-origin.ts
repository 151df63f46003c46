import type { Exchange } from '../exchange.ts'
import { originOf } from '../forwarded.ts'

/** Finds out who the client is: the peer, or whom trusted proxies name. */
export function tellOrigin(exchange: Exchange): void {
  exchange.origin = originOf(exchange.head.headers, exchange.connection, exchange.snapshot.trusts)
}
