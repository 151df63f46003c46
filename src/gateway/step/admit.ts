import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Exchange } from '../exchange.ts'

/** Lets in only the addresses that the route is for: of the peer, or of whom trusted proxies name. */
export const admit: Step<Exchange, void> = async (exchange, next) => {
  if (exchange.route!.rules.admits!(exchange.origin!.ip)) return next(exchange)
  throw new SkeinError('FORBIDDEN', 'this address is not let in here', { reason: 'address_denied' })
}
