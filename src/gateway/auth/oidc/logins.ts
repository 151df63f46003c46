/** The logins of a configuration: one for all routes that have the same, and the routes on which each is answered. */
import { ConfigError, IssueList } from '../../../core/issues.ts'
import type { GatewayConfig, RouteConfig, RouteRules } from '../../contract.ts'
import { claimNames, DEFAULT_AT, loginId, type OidcConfig } from '../../rule/oidc.ts'
import { Login, type LoginParts } from './login.ts'
import type { SharedLogin } from './oidc.ts'
import { readOidc } from './settings.ts'
import { Sitting } from './sitting.ts'

/** By `loginId`. */
export type Logins = ReadonlyMap<string, SharedLogin>

/** `before` are those of the configuration in force: what they know of their providers goes on. @throws ConfigError */
export function takeLogins(config: GatewayConfig, parts: LoginParts, before?: Logins): Logins {
  const issues = new IssueList('gateway')
  const logins = new Map<string, SharedLogin>()
  for (const [id, all] of Map.groupBy(logged(config), ({ oidc }) => loginId(oidc))) {
    const { oidc, key } = all[0]!
    const settings = readOidc(oidc, key, issues)
    if (settings === undefined) continue
    const old = before?.get(id)?.sitting
    const sitting = old?.login.settings.id === settings.id ? old : new Sitting(new Login(settings, parts), parts)
    logins.set(id, { sitting, names: [...new Set(all.flatMap((one) => claimNames(one.oidc)))] })
  }
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return logins
}

/** Callback, login and logout of each login, for each host that has it; the limits of the first route with it hold there, too. */
export function loginRoutes(config: GatewayConfig): RouteConfig[] {
  const places = new Map<string, RouteConfig[]>()
  for (const { oidc, host, rules } of logged(config)) {
    const at = oidc.at ?? DEFAULT_AT
    const place = `${host ?? ''}${at}`
    if (places.has(place)) continue
    const { addresses, rateLimit, maintenance, responseHeaders } = rules
    const own = defined({ host, addresses, rateLimit, maintenance, responseHeaders })
    const paths = ['callback', 'login', 'logout'].map((name) => ({ path: `${at}/${name}`, name: `${place}/${name}` }))
    places.set(
      place,
      paths.map((path) => ({ ...own, ...path, auth: { oidc } })),
    )
  }
  return [...places.values()].flat()
}

interface Logged {
  readonly oidc: OidcConfig
  readonly host: string | undefined
  readonly rules: RouteRules
  /** Where its rule stands. */
  readonly key: string
}

function logged({ routes, defaults }: GatewayConfig): Logged[] {
  return routes.flatMap((route, i) => {
    const rules: RouteRules = { ...defaults, ...route }
    const oidc = rules.auth ? rules.auth.oidc : undefined
    if (oidc === undefined) return []
    const key = route.auth === undefined ? 'defaults.auth.oidc' : `routes[${i}].auth.oidc`
    return [{ oidc, host: route.host, rules, key }]
  })
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }
}
