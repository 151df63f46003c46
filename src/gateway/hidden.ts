/**
 * What is between client and gateway alone: sessions, and keys that have done their work. Left out where the route is taken
 * (step/take-route.ts), before anything is forwarded: so no way on shows it, be it a copy or a question of the cache. Pure.
 */
import { isOwnCookie } from './auth/oidc/cookies.ts'
import type { RouteConfig } from './contract.ts'
import type { Sticky } from './rule/sticky.ts'
import type { Rules } from './rules.ts'

export interface Hidden {
  cookie(name: string): boolean
  /** A parameter of the query. */
  readonly parameter: string | undefined
}

interface Hiding {
  readonly config: RouteConfig
  readonly sticky: Sticky | undefined
  readonly rules: Rules
}

/** What each route hides: sessions of sign-ins and sticky sessions of all of them, and its own API key. */
export function withHidden<R extends Hiding>(
  routes: readonly R[],
  hasLogins: boolean,
): (R & { readonly hidden: Hidden | undefined })[] {
  // A name that a user chose may be that of something else, on another route.
  const common = new Set(routes.filter(({ sticky }) => sticky?.namesCookie === true).flatMap(sessionCookies))
  return routes.map((route) => ({ ...route, hidden: hiddenOf(route, common, hasLogins) }))
}

function hiddenOf(route: Hiding, common: ReadonlySet<string>, hasLogins: boolean): Hidden | undefined {
  const place = route.rules.auth?.keyPlace ?? ''
  const key = nameAt('cookie:', place)
  const own = new Set([...sessionCookies(route), ...(key === undefined ? [] : [key])])
  const parameter = nameAt('query:', place)
  if (common.size + own.size === 0 && parameter === undefined && !hasLogins) return undefined
  return { cookie: (name) => common.has(name) || own.has(name) || isOwnCookie(name), parameter }
}

/** The rest to the letter. */
export function queryBut(query: string, name: string | undefined): string {
  if (name === undefined) return query
  return query
    .split('&')
    .filter((pair) => !new URLSearchParams(pair).has(name))
    .join('&')
}

function nameAt(kind: string, place: string): string | undefined {
  return place.startsWith(kind) ? place.slice(kind.length) : undefined
}

/** One for each service that the route may choose. */
function sessionCookies({ config: { to, split }, sticky }: Hiding): string[] {
  if (sticky === undefined) return []
  return Object.keys(split?.to ?? { [to!]: 1 }).map((service) => sticky.cookieName(service))
}
