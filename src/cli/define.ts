/**
 * `skein.config.ts` as its author sees it: the types, and `fleet()`, which gives the object back as it is. Nothing is
 * loaded at run time, so a config costs nothing to import; checks are in check.ts, reading the file in load.ts.
 */
import type { GatewayConfig, RouteConfig } from '../gateway/contract.ts'
import type { MirrorConfig } from '../gateway/rule/mirror.ts'
import type { SplitConfig } from '../gateway/rule/split.ts'
import type { DnsConfig } from './dns-options.ts'

export const DEFAULT_REGISTRY_PORT = 8500
export const DEFAULT_GATEWAY_PORT = 8080
/** Folder of the registry's database, relative to the config. */
export const DEFAULT_REGISTRY_DATA = '.skein/registry'

export interface ServiceConfig {
  /** A module whose default export is a service, relative to the config. Give this or `command`. */
  readonly entry?: string
  /** Any program: it must listen on the port in `$PORT`. A string is cut at spaces (quotes hold together); no shell reads it. */
  readonly command?: string | readonly string[]
  /** How many to run, ≥ 0; default 1. Change it while they run with `skein scale`. */
  readonly instances?: number
  /** Share of requests under a weighted policy: one for all, or one each; whole numbers from 1, default 1. */
  readonly weight?: number | readonly number[]
  readonly env?: Readonly<Record<string, string>>
  /** Working directory, relative to the config; default the config's own. */
  readonly cwd?: string
  /** Path that answers 2xx once the instance can serve; default `/health/ready` for an entry, a TCP connect for a command. */
  readonly health?: string
  /** A fixed port, with one instance only; default a free one for each. */
  readonly port?: number
}

export interface RegistryConfig {
  /** Default 8500. */
  readonly port?: number
  /** Of its DNS interface, UDP and TCP, always on loopback; default 8600. */
  readonly dnsPort?: number | 'off'
  /** TTLs (seconds), limits and the domain of its DNS interface. */
  readonly dns?: DnsConfig
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Folder of the database, relative to the config; default `.skein/registry`. */
  readonly data?: string
  /** True = closed: each service gets a token for its own work, and whoever has none sees and changes nothing. Default false. */
  readonly acl?: boolean
  /** URL of a registry that runs already, Skein's or a Consul agent, or several with commas: then none is started. */
  readonly address?: string
}

export interface FleetConfig {
  /** By name, in the order in which they are listed and started. */
  readonly services: Readonly<Record<string, ServiceConfig>>
  readonly registry?: RegistryConfig
  /** What the edge lets in; false = no gateway. Default port 8080. */
  readonly gateway?: GatewayConfig | false
}

type RouteTo<Service extends string> = Omit<RouteConfig, 'to' | 'split' | 'mirror'> & {
  readonly to?: Service
  readonly split?: Omit<SplitConfig, 'to'> & { readonly to: Readonly<Partial<Record<Service, number>>> }
  readonly mirror?: Omit<MirrorConfig, 'to'> & { readonly to: Service }
}
type GatewayTo<Service extends string> = Omit<GatewayConfig, 'routes'> & {
  readonly routes: readonly RouteTo<Service>[]
}

/**
 * What runs, and what the edge lets in. A route's `to` must be one of `services`: another name does not compile.
 * The rest is checked when the config is loaded; `skein validate` lists every mistake.
 */
export function fleet<const Name extends string>(config: {
  readonly services: Readonly<Record<Name, ServiceConfig>>
  readonly registry?: RegistryConfig
  readonly gateway?: GatewayTo<NoInfer<Name>> | false
}): FleetConfig {
  return config
}
