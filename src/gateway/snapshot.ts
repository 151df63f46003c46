/** A checked configuration made ready for use: immutable, swapped whole. A request keeps the one it began with. */
import type { HashKeySource } from '../balance/contract.ts'
import { parseBalance } from '../balance/policies.ts'
import type { CallPolicy } from '../client/contract.ts'
import { protocolOf } from '../client/protocol.ts'
import { ConfigError, IssueList } from '../core/issues.ts'
import type { Certificates } from '../wire/certificates.ts'
import { addressSet } from './address.ts'
import type { RuleParts } from './auth/auth.ts'
import type { AuthParts } from './auth/contract.ts'
import { type Logins, loginRoutes } from './auth/oidc/logins.ts'
import { checkGatewayConfig } from './config.ts'
import type { GatewayConfig, RouteConfig, RouteRules } from './contract.ts'
import { type Hidden, withHidden } from './hidden.ts'
import { type RouteReadings, readAll } from './readings.ts'
import type { RedisSettings } from './redis/config.ts'
import { parseRoute, type Route, RouteTable } from './routes.ts'
import type { Sticky } from './rule/sticky.ts'
import { prepareRules, type Rules } from './rules.ts'

export interface GatewayRoute extends Route {
  readonly policy: CallPolicy
  /** Where a hash policy finds its key; undefined for all others. */
  readonly hashOn: HashKeySource | undefined
  readonly sticky: Sticky | undefined
  readonly rules: Rules
  /** Undefined: nothing. */
  readonly hidden: Hidden | undefined
  /** A change by it may make untrue what this or another route keeps. */
  readonly forgets: boolean
}

export interface GatewaySnapshot {
  readonly config: GatewayConfig
  readonly table: RouteTable<GatewayRoute>
  /** In which the authentication of any route tells who it is: two routes may have the same upstream, which believes them. */
  readonly ownFields: readonly string[]
  readonly trusts: (ip: string) => boolean
  readonly certificates: Certificates | undefined
  readonly redis: RedisSettings | undefined
  readonly logins: Logins
}

/** `before` is the one it takes the place of: limits go on counting. @throws ConfigError with every mistake. */
export function takeSnapshot(config: GatewayConfig, parts: AuthParts, before?: GatewaySnapshot): GatewaySnapshot {
  const issues = new IssueList('gateway')
  checkGatewayConfig(config, issues, '')
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  const kept = copyOf(config)
  const { logins, certificates, redis, routes: read } = readAll(kept, parts, before && readBefore(before))
  const auths = new Map(before?.table.routes.flatMap(({ rules: { auth } }) => (auth ? [[auth.id, auth]] : [])))
  const ruleParts = { ...parts, logins, auths }
  const old = new Map(before?.table.routes.flatMap((route) => routeIds(route).map((id) => [id, route.rules])))
  const made = [
    // First: a user's route of the same path would keep people from signing in.
    ...loginRoutes(kept).map((route) => gatewayRoute(route, -1, NOTHING_READ, undefined, ruleParts, old)),
    ...kept.routes.map((route, order) => gatewayRoute(route, order, read[order]!, kept.defaults, ruleParts, old)),
  ]
  const forgets = made.some(({ rules }) => rules.cache !== undefined)
  const routes = withHidden(made, logins.size > 0).map((route) => ({ ...route, forgets }))
  return {
    config: kept,
    table: new RouteTable(routes),
    ownFields: [
      ...new Set(routes.flatMap(({ rules }) => rules.auth?.authenticators ?? []).flatMap((one) => one.ownFields)),
    ],
    trusts: addressSet(kept.trustedProxies ?? []),
    certificates,
    redis,
    logins,
  }
}

function readBefore({ logins, table }: GatewaySnapshot) {
  return { logins, tls: table.routes.flatMap(({ policy }) => policy.tls ?? []) }
}

const NOTHING_READ: RouteReadings = { sticky: undefined, tls: undefined }

function gatewayRoute(
  config: RouteConfig,
  order: number,
  { sticky, tls }: RouteReadings,
  defaults: RouteRules | undefined,
  parts: RuleParts,
  before: ReadonlyMap<string, Rules>,
): Omit<GatewayRoute, 'hidden' | 'forgets'> {
  const route = parseRoute(config, order)
  const old = routeIds(route).find((id) => before.has(id))
  return {
    ...route,
    policy: callPolicy(config, tls),
    hashOn: parseBalance(config.balance).on,
    sticky,
    rules: prepareRules({ ...defaults, ...config }, route.name, before.get(old ?? ''), parts),
  }
}

/** The same in every process. */
export function routeId(route: Pick<Route, 'name' | 'config'>): string {
  return routeIds(route)[0]
}

/**
 * By one of these a route is the same after a reload. A name that the user gave is that of one route; a default name may be that
 * of several, which must not mix what they keep and count.
 */
function routeIds({ name, config }: Pick<Route, 'name' | 'config'>): [string, ...string[]] {
  const { host, path = '/*', methods, headers, cookies, query } = config
  const place = JSON.stringify([name, host, path, methods, headers, cookies, query])
  return config.name === undefined ? [place] : [JSON.stringify(name), place]
}

function callPolicy(config: RouteConfig, tls: CallPolicy['tls']): CallPolicy {
  return {
    balance: config.balance,
    deadlineMs: config.timeoutMs,
    attemptTimeoutMs: config.attemptTimeoutMs,
    attempts: config.attempts,
    hedge: config.hedge,
    bulkhead: config.bulkhead,
    circuit: config.circuit,
    protocol: config.protocol === undefined ? undefined : protocolOf(config.protocol),
    tls,
  }
}

/** A copy that later changes of the original do not reach. Functions, of which there may be some, are taken as they are. */
function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyOf(part)])) as T
}
