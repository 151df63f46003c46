/**
 * A fleet's config as services of Docker Compose: one image for all, each part a container of its own, which meet in the registry
 * as on one machine. Who listens on every address is announced by its host name, which in a container is what the network of
 * Compose resolves; so instances need no addresses. Pure.
 */
import path from 'node:path'
import { SETTINGS } from '../../core/settings.ts'
import { serviceNameFor } from '../../fleet/plan.ts'
import { VARIABLES } from '../../telemetry/spans/settings.ts'
import { splitCommand } from '../config/command-line.ts'
import { DEFAULT_GATEWAY_PORT, DEFAULT_REGISTRY_PORT, type FleetConfig, type ServiceConfig } from '../define.ts'

export interface ComposeService {
  readonly image: string
  /** Only one of them builds it. */
  readonly build?: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly working_dir?: string
  readonly environment: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string }
  readonly deploy?: { readonly replicas: number }
  readonly restart: string
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
/** A program that is no service of Skein's listens here. */
const COMMAND_PORT = '8000'
const EVERYWHERE = '0.0.0.0'
/** In the environment of whoever records spans. */
const TRACED = { '<<': 'x-tracing' }

interface Project {
  readonly name: string
  /** The config, from the project's root. */
  readonly config: string
}

export function composeOf(config: FleetConfig, project: Project): Composed {
  const { registry = {}, gateway } = config
  const own = registry.address === undefined
  const common = {
    image: project.name,
    environment: {
      [SETTINGS.registry]: registry.address ?? `http://registry:${DEFAULT_REGISTRY_PORT}`,
      // Compose refuses to start without it, and says this.
      [SETTINGS.token]: `\${${SETTINGS.token}:?give it a secret of your own}`,
      [SETTINGS.host]: EVERYWHERE,
    },
    restart: 'unless-stopped',
  }
  const parts = [
    ...(own ? [['registry', { ...common, ...registryPart() }] as const] : []),
    ...(gateway === undefined || gateway === false
      ? []
      : [
          [
            'gateway',
            { ...common, ...gatewayPart(gateway.port, project), environment: { ...TRACED, ...common.environment } },
          ] as const,
        ]),
    ...Object.entries(config.services).flatMap(([name, service]) => serviceParts(name, service, common, project)),
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

function registryPart() {
  const ready = `fetch('http://127.0.0.1:${DEFAULT_REGISTRY_PORT}/health/ready').then((r) => process.exit(r.ok ? 0 : 1))`
  return {
    command: ['registry', '--host', EVERYWHERE, '--allow-host', 'registry', '--data', DATA],
    volumes: [`registry:${DATA}`],
    healthcheck: { test: ['CMD', 'node', '-e', ready], interval: '5s' },
  }
}

function gatewayPart(port = DEFAULT_GATEWAY_PORT, { config }: Project) {
  return {
    command: ['gateway', '--config', config, '--host', EVERYWHERE, '--port', String(port)],
    ports: [`${port}:${port}`],
  }
}

/** One, or one for each weight that its instances have: replicas are all alike. */
function serviceParts(
  name: string,
  service: ServiceConfig,
  common: Pick<ComposeService, 'image' | 'environment' | 'restart'>,
  project: Project,
): (readonly [string, ComposeService])[] {
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
        ...(service.entry === undefined ? programEnvironment(name, service) : {}),
        // Compose would fill in what begins with a dollar.
        ...Object.fromEntries(
          Object.entries(service.env ?? {}).map(([key, text]) => [key, text.replaceAll('$', '$$$$')]),
        ),
      },
      ...(length === 1 ? {} : { deploy: { replicas: length } }),
    },
  ])
}

function programEnvironment(name: string, { env = {} }: ServiceConfig) {
  return { PORT: COMMAND_PORT, [SETTINGS.service]: name, ...serviceNameFor(name, env) }
}

function weightsOf({ instances = 1, weight = 1 }: ServiceConfig): number[] {
  return Array.from({ length: instances }, (_, i) => (typeof weight === 'number' ? weight : (weight[i] ?? 1)))
}

function program({ entry, command, cwd, port }: ServiceConfig, { config }: Project) {
  const at = (file: string) => path.posix.join(APP, path.posix.dirname(config), file)
  const place = cwd === undefined ? {} : { working_dir: at(cwd) }
  if (entry !== undefined) {
    return { ...place, command: ['run', at(entry), ...(port === undefined ? [] : ['--port', String(port)])] }
  }
  const words = typeof command === 'string' ? splitCommand(command) : (command ?? [])
  return { ...(cwd === undefined ? { working_dir: at('.') } : place), entrypoint: words }
}

function warningsOf({ services, registry = {}, gateway }: FleetConfig): string[] {
  const programs = Object.entries(services).filter(([, { command }]) => command !== undefined)
  return [
    ...programs.map(
      ([name]) =>
        `${name} is a program: its image must have what it needs, and it must register itself, as nobody does it there`,
    ),
    ...(registry.acl === true
      ? ['registry.acl: in containers one token counts for all; others are made by skein consul acl']
      : []),
    ...(registry.address === undefined
      ? []
      : [`the registry runs elsewhere: ${registry.address} must be reachable from containers`]),
    ...(gateway !== undefined && gateway !== false && gateway.tls !== undefined
      ? ['gateway.tls: the certificates must be in the image, or in a volume']
      : []),
  ]
}
