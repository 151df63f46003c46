/** What a configuration only names, read: certificates, keys, secrets. */
import type { UpstreamTls } from '../client/protocol.ts'
import { systemClock } from '../core/clock.ts'
import { ConfigError, type Issue } from '../core/issues.ts'
import { silentLogger } from '../core/log.ts'
import { systemRandom } from '../core/random.ts'
import type { Certificates } from '../wire/certificates.ts'
import type { LoginParts } from './auth/oidc/login.ts'
import { type Logins, takeLogins } from './auth/oidc/logins.ts'
import type { GatewayConfig } from './contract.ts'
import { type RedisSettings, readRedis } from './redis/config.ts'
import { type Sticky, stickyOf } from './rule/sticky.ts'
import { readCertificates } from './tls.ts'
import { readUpstreamTls } from './upstream-tls.ts'

export interface RouteReadings {
  readonly sticky: Sticky | undefined
  readonly tls: UpstreamTls | undefined
}

export interface Readings {
  readonly logins: Logins
  readonly certificates: Certificates | undefined
  readonly redis: RedisSettings | undefined
  /** In the order of the configuration. */
  readonly routes: readonly RouteReadings[]
}

/** What was read for the configuration in force. */
interface Before {
  readonly logins: Logins
  readonly tls: readonly UpstreamTls[]
}

/** @throws ConfigError with each that cannot be had or used. */
export function readAll(config: GatewayConfig, parts: LoginParts, before?: Before): Readings {
  const issues: Issue[] = []
  const tried = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      issues.push(...error.issues)
      return undefined
    }
  }
  const same = sameTls(before?.tls ?? [])
  const read = {
    logins: tried(() => takeLogins(config, parts, before?.logins)) ?? new Map(),
    certificates: tried(() => config.tls && readCertificates(config.tls)),
    redis: tried(() => (config.redis === undefined ? undefined : readRedis(config.redis))),
    routes: config.routes.map(({ balance, upstreamTls }, i) => ({
      sticky: tried(() => stickyOf(balance, `routes[${i}]`)),
      tls: tried(() => upstreamTls && same(readUpstreamTls(upstreamTls, `routes[${i}].upstreamTls`))),
    })),
  }
  if (issues.length > 0) throw new ConfigError(issues)
  return read
}

/** What of it cannot be had here; it may be there where the gateway runs. */
export function unreadable(config: GatewayConfig): readonly Issue[] {
  try {
    readAll(config, { clock: systemClock, log: silentLogger, random: systemRandom })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
    throw error
  }
}

/** The same object for the same text: by it the client knows with which connections a request may go. */
function sameTls(known: readonly UpstreamTls[]): (tls: UpstreamTls) => UpstreamTls {
  const byText = new Map(known.map((one) => [JSON.stringify(one), one]))
  return (tls) => {
    const text = JSON.stringify(tls)
    const one = byText.get(text) ?? tls
    byText.set(text, one)
    return one
  }
}
