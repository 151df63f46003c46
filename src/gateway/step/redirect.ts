import { urlHost } from '../../core/authority.ts'
import type { Step } from '../../core/compose.ts'
import type { Exchange } from '../exchange.ts'
import type { Origin } from '../forwarded.ts'
import { changedPath, type RedirectConfig } from '../rule/location.ts'

/** Sends the client elsewhere, where the route is a redirect. */
export const redirect: Step<Exchange, void> = async (exchange) => {
  const { route, params, target, origin } = exchange
  const to = route!.config.redirect!
  const path = changedPath(to, route!, params, target!.path)
  const query = target!.query === '' ? '' : `?${target!.query}`
  exchange.reply = { status: to.status ?? 302, headers: ['location', base(to, origin!) + path + query], body: '' }
}

/** Nothing where only the path changes: then the browser knows scheme and host better than we do. */
function base({ scheme, host, port }: RedirectConfig, origin: Origin): string {
  if (scheme === undefined && host === undefined && port === undefined) return ''
  const [, name = '', given] = /^(.*?)(?::(\d+))?$/.exec(origin.host)!
  const kept = scheme === undefined ? given : undefined
  const shown = port ?? kept
  return `${scheme ?? origin.proto}://${urlHost(host ?? name)}${shown === undefined ? '' : `:${shown}`}`
}
