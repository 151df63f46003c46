/** From a config to what `skein up` starts. Pure but for paths. */
import path from 'node:path'
import { urlHost } from '../../core/authority.ts'
import { readAddresses } from '../../discovery/addresses.ts'
import type { ServiceSpec } from '../../fleet/contract.ts'
import { findTools } from '../../fleet/tools.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { withFilesFrom } from '../../gateway/files.ts'
import { splitCommand } from '../config/command-line.ts'
import {
  DEFAULT_GATEWAY_PORT,
  DEFAULT_REGISTRY_DATA,
  DEFAULT_REGISTRY_PORT,
  type FleetConfig,
  type ServiceConfig,
} from '../define.ts'
import type { DnsConfig } from '../dns-options.ts'
import { DEFAULT_DNS_PORT, type DnsPort } from '../dns-port.ts'

import { hasSteps, portable } from '../gateway/steps.ts'
import type { FleetTokens } from './tokens.ts'

export interface RegistryPlan {
  /** Of one that runs already perhaps several, separated by commas. */
  readonly url: string
  /** What to start; absent where the config names a registry that runs already. */
  readonly start?: RegistryStart | undefined
}

export interface RegistryStart {
  readonly host: string
  readonly port: number
  /** On loopback. */
  readonly dnsPort: DnsPort
  readonly dns?: DnsConfig | undefined
  readonly data: string
  /** Closed: whoever has no token sees and changes nothing. */
  readonly acl?: true
}

export interface GatewayPlan {
  /** Goes into the registry's KV; its port and host are filled in. */
  readonly config: GatewayConfig & { readonly port: number; readonly host: string }
  /** Are there functions in it? Then the gateway is told where the config stands. */
  readonly hasSteps: boolean
  readonly url: string
  readonly adminPort: number
  readonly adminUrl: string
}

export interface Plan {
  readonly file: string
  readonly registry: RegistryPlan
  readonly gateway: GatewayPlan | undefined
  readonly services: readonly ServiceSpec[]
  /** Only where `registry.start.acl`. */
  readonly tokens?: FleetTokens
}

/** Ports that the command line gives, or that were found free; they stand above the config's. */
export interface PortChoice {
  readonly gateway?: number | undefined
  readonly registry?: number | undefined
  readonly dns?: DnsPort | undefined
  /** Only where there is a gateway. */
  readonly admin?: number | undefined
}

/** The KV name under which the fleet's gateway is configured. */
export const GATEWAY_NAME = 'default'
export const gatewayKey = (name: string) => `skein/gateway/${name}`

const LOOPBACK = '127.0.0.1'

/** `config` must have been checked; `file` is its absolute path. */
export function planFleet(config: FleetConfig, file: string, ports: PortChoice, tokens?: FleetTokens): Plan {
  const dir = path.dirname(file)
  const given = config.registry?.acl === true ? tokens : undefined
  return {
    file,
    registry: planRegistry(config, dir, ports),
    gateway: planGateway(config, dir, ports),
    services: Object.entries(config.services).map(([name, service]) => planService(name, service, dir, given)),
    ...(given === undefined ? {} : { tokens: given }),
  }
}

function planRegistry({ registry = {} }: FleetConfig, dir: string, ports: PortChoice): RegistryPlan {
  if (registry.address !== undefined) return { url: readAddresses(registry.address).join(',') }
  const host = registry.host ?? LOOPBACK
  const port = ports.registry ?? registry.port ?? DEFAULT_REGISTRY_PORT
  const dnsPort = ports.dns ?? registry.dnsPort ?? DEFAULT_DNS_PORT
  return {
    url: `http://${reachable(host)}:${port}`,
    start: {
      ...(registry.dns !== undefined && { dns: registry.dns }),
      ...{ host, port, dnsPort, data: path.resolve(dir, registry.data ?? DEFAULT_REGISTRY_DATA) },
      ...(registry.acl === true ? { acl: true as const } : {}),
    },
  }
}

function planGateway({ gateway }: FleetConfig, dir: string, ports: PortChoice): GatewayPlan | undefined {
  if (gateway === undefined || gateway === false) return undefined
  const host = gateway.host ?? LOOPBACK
  const port = ports.gateway ?? gateway.port ?? DEFAULT_GATEWAY_PORT
  const adminPort = ports.admin ?? 0
  return {
    config: { ...portable(withFilesFrom(dir, gateway)), host, port },
    hasSteps: hasSteps(gateway),
    url: `http://${reachable(host)}:${port}`,
    adminPort,
    adminUrl: `http://${LOOPBACK}:${adminPort}`,
  }
}

/** What to connect to where something listens on `host`: "every address" is none to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return LOOPBACK
  return urlHost(host)
}

export function planService(name: string, service: ServiceConfig, dir: string, tokens?: FleetTokens): ServiceSpec {
  const instances = service.instances ?? 1
  return {
    name,
    entry: service.entry === undefined ? undefined : path.resolve(dir, service.entry),
    command: typeof service.command === 'string' ? splitCommand(service.command) : service.command,
    cwd: path.resolve(dir, service.cwd ?? '.'),
    env: { ...tokens?.environmentOf(name), ...service.env },
    instances,
    weights: planWeights(service),
    port: service.port,
    healthPath: service.health,
  }
}

/** One weight for all counts for instances that are added later, too: more than anyone will run. */
const ORDINALS_MAX = 1000

function planWeights({ weight = [] }: ServiceConfig): readonly number[] {
  return typeof weight === 'number' ? new Array<number>(ORDINALS_MAX).fill(weight) : weight
}

/** No service of the user's can have these. */
export const SYSTEM_NAMES: readonly string[] = ['registry', 'gateway']

/** Registry and gateway, as the fleet runs them: this very program, each in a process of its own. */
export function systemSpecs({ registry, gateway, file, tokens }: Plan): ServiceSpec[] {
  const skein = ['node', findTools().skein]
  const cwd = path.dirname(file)
  const envOf = (name: string) => tokens?.environmentOf(name) ?? {}
  const common = { cwd, instances: 1, weights: [], system: true } as const
  const specs: ServiceSpec[] = []
  if (registry.start !== undefined) {
    const { host, port, dnsPort, dns, data, acl } = registry.start
    const settings = dns === undefined ? [] : ['--dns', JSON.stringify(dns)]
    const listen = ['--host', host, '--port', String(port), '--dns-port', String(dnsPort), ...settings]
    const command = [...skein, 'registry', ...listen, '--data', data, ...(acl ? ['--acl'] : [])]
    specs.push({ ...common, name: 'registry', env: envOf('registry'), command, port })
  }
  if (gateway !== undefined) {
    const own = ['--name', GATEWAY_NAME, '--registry', registry.url, '--admin-port', String(gateway.adminPort)]
    if (gateway.hasSteps) own.push('--steps', file)
    const command = [...skein, 'gateway', ...own]
    specs.push({ ...common, name: 'gateway', env: envOf('gateway'), command, port: gateway.config.port })
  }
  return specs
}
