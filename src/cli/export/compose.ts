/**
 * A fleet's config as services of Docker Compose: one image for all, each part a container of its own, which meet in the registry
 * as on one machine. Who listens on every address is announced by its host name, which in a container is what the network of
 * Compose resolves; so instances need no addresses. Pure.
 */
import path from 'node:path'
import { SETTINGS } from '../../core/settings.ts'
import { serviceNameFor } from '../../fleet/plan.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { VARIABLES } from '../../telemetry/spans/settings.ts'
import { splitCommand } from '../config/command-line.ts'
import { DEFAULT_GATEWAY_PORT, DEFAULT_REGISTRY_PORT, type FleetConfig, type ServiceConfig } from '../define.ts'
import { secretsOf } from './secrets.ts'
import { warningsOf } from './warnings.ts'

export interface ComposeService {
  readonly image: string
  /** Only one of them builds it. */
  readonly build?: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly working_dir?: string
  /** Null: as it stands in the environment of Compose, if it does. */
  readonly environment: Readonly<Record<string, string | null>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string; readonly timeout: string }
  readonly deploy?: { readonly replicas: number }
  /** Who depends on others is started after them and, what matters more, stopped before them. */
  readonly depends_on?: readonly string[]
  /** A parent that passes signals on. */
  readonly init?: boolean
  readonly dns_opt: readonly string[]
  readonly restart: string
  readonly stop_grace_period: string
}

export interface Compose {
  readonly name: string
  /** Without values: Compose passes on what stands in its own environment, and nothing else. */
  readonly 'x-tracing': Readonly<Record<string, null>>
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes?: Readonly<Record<string, object>>
}

export interface Composed {
  readonly compose: Compose
  /** What the user has to look after. */
  readonly warnings: readonly string[]
}

/** Where the image has the project. */
export const APP = '/app'
/** Where the registry's container keeps its database. */
export const DATA = '/data'
/** Where instances listen: each container has an address of its own. */
const INSTANCE_PORT = 8000
/** Of the gateway, on loopback in its container. */
const ADMIN_PORT = 9901
/** Docker's own 10 seconds are less than a drain may take: half a second until all have heard of it, and ten for what is under way. */
const STOP_GRACE = '15s'
/**
 * The name of an instance goes with its container, and a network without a name server above it lets such a question hang. No process
 * ends before its questions have, and the usual time for them is 20 seconds.
 */
const DNS_OPTIONS = ['timeout:1', 'attempts:2']
const EVERYWHERE = '0.0.0.0'
/** In the environment of whoever records spans. */
const TRACED = { '<<': 'x-tracing' }

type Common = Pick<ComposeService, 'image' | 'environment' | 'depends_on' | 'dns_opt' | 'restart' | 'stop_grace_period'>
type Part = readonly [name: string, ComposeService]

interface Project {
  readonly name: string
  /** The config, from the project's root. */
  readonly config: string
}

export function composeOf(config: FleetConfig, project: Project): Composed {
  const { registry = {}, gateway } = config
  const own = registry.address === undefined
  const common: Common = {
    image: project.name,
    environment: {
      [SETTINGS.registry]: registry.address ?? `http://registry:${DEFAULT_REGISTRY_PORT}`,
      // Compose refuses to start without it, and says this.
      [SETTINGS.token]: `\${${SETTINGS.token}:?give it a secret of your own}`,
      [SETTINGS.host]: EVERYWHERE,
      [SETTINGS.zone]: null,
      [SETTINGS.logLevel]: null,
    },
    ...(own ? { depends_on: ['registry'] } : {}),
    dns_opt: DNS_OPTIONS,
    restart: 'unless-stopped',
    stop_grace_period: STOP_GRACE,
  }
  const instances = Object.entries(config.services).flatMap(([name, service]) =>
    serviceParts(name, service, common, project),
  )
  const parts = [
    ...(own ? [['registry', registryPart(common)] as const] : []),
    ...(gateway === undefined || gateway === false
      ? []
      : [['gateway', gatewayPart(gateway, common, instances, project)] as const]),
    ...instances,
  ]
  const services = parts.map(([name, part], i) => [name, i === 0 ? { build: '.', ...part } : part] as const)
  const volumes = own ? { volumes: { registry: {} } } : {}
  return {
    compose: {
      name: project.name,
      'x-tracing': Object.fromEntries(VARIABLES.map((name) => [name, null])),
      services: Object.fromEntries(services),
      ...volumes,
    },
    warnings: warningsOf(config),
  }
}

function registryPart({ depends_on: _, ...common }: Common): ComposeService {
  return {
    ...common,
    command: ['registry', '--host', EVERYWHERE, '--allow-host', 'registry', '--data', DATA],
    volumes: [`registry:${DATA}`],
    healthcheck: askedFor('/health/ready', DEFAULT_REGISTRY_PORT),
  }
}

/** It goes before the instances that it calls: so what is under way can end. */
function gatewayPart(gateway: GatewayConfig, common: Common, instances: readonly Part[], { config }: Project) {
  const { port = DEFAULT_GATEWAY_PORT } = gateway
  const secrets = Object.fromEntries(secretsOf(gateway).variables.map((name) => [name, null]))
  return {
    ...common,
    environment: { ...TRACED, ...common.environment, ...secrets },
    command: [
      ...['gateway', '--config', config, '--host', EVERYWHERE, '--port', String(port)],
      ...['--admin-port', String(ADMIN_PORT)],
    ],
    ports: [`${port}:${port}`],
    healthcheck: askedFor('/health/ready', ADMIN_PORT),
    depends_on: [...(common.depends_on ?? []), ...instances.map(([name]) => name)],
  }
}

/** By Node, as a slim image has no curl. */
function askedFor(health: string, port: number) {
  const ask = `fetch('http://127.0.0.1:${port}${health}').then((r) => process.exit(r.ok ? 0 : 1))`
  return { test: ['CMD', 'node', '-e', ask], interval: '5s', timeout: '5s' }
}

/** One, or one for each weight that its instances have: replicas are all alike. */
function serviceParts(name: string, service: ServiceConfig, common: Common, project: Project): Part[] {
  const weights = weightsOf(service)
  const replicas = Map.groupBy(weights, (weight) => weight)
  if (replicas.size === 0) replicas.set(1, [])
  return [...replicas].map(([weight, { length }], i) => [
    i === 0 ? name : `${name}-weight-${weight}`,
    {
      ...common,
      ...program(service, project),
      environment: {
        ...TRACED,
        ...common.environment,
        ...(weight === 1 ? {} : { [SETTINGS.weight]: String(weight) }),
        ...(service.entry === undefined ? programEnvironment(name, service) : { [SETTINGS.port]: portOf(service) }),
        // Compose would fill in what begins with a dollar.
        ...Object.fromEntries(
          Object.entries(service.env ?? {}).map(([key, text]) => [key, text.replaceAll('$', '$$$$')]),
        ),
      },
      ...(length === 1 ? {} : { deploy: { replicas: length } }),
    },
  ])
}

function programEnvironment(name: string, service: ServiceConfig) {
  const { env = {} } = service
  return { PORT: portOf(service), [SETTINGS.service]: name, ...serviceNameFor(name, env) }
}

function portOf({ port = INSTANCE_PORT }: ServiceConfig): string {
  return String(port)
}

function weightsOf({ instances = 1, weight = 1 }: ServiceConfig): number[] {
  return Array.from({ length: instances }, (_, i) => (typeof weight === 'number' ? weight : (weight[i] ?? 1)))
}

function program({ entry, command, cwd, port = INSTANCE_PORT, health }: ServiceConfig, { config }: Project) {
  const at = (file: string) => path.posix.join(APP, path.posix.dirname(config), file)
  const place = cwd === undefined ? {} : { working_dir: at(cwd) }
  if (entry !== undefined)
    return { ...place, command: ['run', at(entry)], healthcheck: askedFor(health ?? '/health/ready', port) }
  const words = typeof command === 'string' ? splitCommand(command) : (command ?? [])
  return {
    ...(cwd === undefined ? { working_dir: at('.') } : place),
    entrypoint: words,
    // A container's first process gets no signal for which it has no handler, and most programs have none.
    init: true,
    ...(health === undefined ? {} : { healthcheck: askedFor(health, port) }),
  }
}
