import { cookiesBut } from '../../core/cookie.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { type Hidden, queryBut } from '../hidden.ts'
import type { RouteMatch, RouteRequest } from '../routes.ts'
import type { GatewayRoute, GatewaySnapshot } from '../snapshot.ts'
import { normaliseHost } from '../target.ts'
import { preflightMethod } from './share.ts'

/** Matches the request with the routes of the configuration in force when it came. */
export function takeRoute(exchange: Exchange): void {
  const { head, target, snapshot } = exchange
  const host = normaliseHost(header(head.headers, 'host')!)
  const { path, query } = target!
  const request = { method: head.method, headers: head.headers, host, path, query }
  const match = preflightMatch(request, snapshot) ?? snapshot.table.match(request)
  if (match === undefined) {
    throw new SkeinError('NOT_FOUND', `no route for ${head.method} ${path}`, { reason: 'no_route' })
  }
  for (const name of snapshot.ownFields) exchange.requestEdits.drop(name)
  if (match.route.hidden !== undefined) hide(exchange, match.route.hidden)
  exchange.route = match.route
  exchange.params = match.params
  exchange.service = match.route.config.to
}

/** What is hidden is left out of all that goes on from here. */
function hide(exchange: Exchange, { cookie, parameter }: Hidden): void {
  const { head, target, requestEdits } = exchange
  const others = cookiesBut(head.headers, cookie)
  if (others === '') requestEdits.drop('cookie')
  else if (others !== undefined) requestEdits.put('cookie', others)
  if (parameter !== undefined) exchange.upstreamQuery = queryBut(target!.query, parameter)
}

/** A preflight takes the route of the request that it asks about, where that route has CORS. */
function preflightMatch(request: RouteRequest, { table }: GatewaySnapshot): RouteMatch<GatewayRoute> | undefined {
  const method = preflightMethod(request)
  const match = method === undefined ? undefined : table.match({ ...request, method })
  return match?.route.rules.cors === undefined ? undefined : match
}
