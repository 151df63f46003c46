import type { Step } from '../../core/compose.ts'
import type { Exchange } from '../exchange.ts'
import { changedPath } from '../rule/location.ts'

/** Gives the upstream another path or host than the client sees. */
export const rewrite: Step<Exchange, void> = async (exchange, next) => {
  const { route, params, target } = exchange
  const to = route!.config.rewrite!
  exchange.upstreamPath = changedPath(to, route!, params, target!.path)
  exchange.upstreamHost = to.host
  return next(exchange)
}
