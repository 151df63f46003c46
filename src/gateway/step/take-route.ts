import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { normaliseHost } from '../target.ts'

/** Matches the request with the routes of the configuration in force when it came. */
export const takeRoute: Step<Exchange, void> = async (exchange, next) => {
  const { head, target, snapshot } = exchange
  const host = normaliseHost(header(head.headers, 'host')!)
  const match = snapshot.table.match({ method: head.method, headers: head.headers, host, ...target! })
  if (match === undefined) {
    throw new SkeinError('NOT_FOUND', `no route for ${head.method} ${target!.path}`, { reason: 'no_route' })
  }
  exchange.route = match.route
  exchange.params = match.params
  exchange.service = match.route.config.to
  return next()
}
