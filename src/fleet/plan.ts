/** How a spec becomes a command line and an environment. Pure: paths and the inherited environment come in. */
import { type Environment, SETTINGS } from '../core/settings.ts'
import type { ServiceSpec } from './contract.ts'
import type { LaunchPlan } from './host.ts'

/** Where the programs are with which the fleet starts others. */
export interface Tools {
  /** The Node executable. */
  readonly node: string
  /** bin/skein.js. */
  readonly skein: string
  /** URL of leash.ts, preloaded into Node programs. */
  readonly leash: string
  /** Path of guard.ts, the parent of programs that are not Node. */
  readonly guard: string
}

export function instanceId(spec: ServiceSpec, ordinal: number): string {
  return `${spec.name}-${ordinal}`
}

export function weightOf(spec: ServiceSpec, ordinal: number): number {
  return spec.weights[ordinal - 1] ?? 1
}

/**
 * The launch of one instance. Later wins: inherited, `spec.env`, then what makes this instance this one.
 * An entry without a fixed port gets 0 and says later which one it took, so no race for a port is possible; an inherited
 * PORT is dropped, because all instances would take the same. For the spans of services in any language it names the service, unless
 * somebody has named it.
 */
export function planLaunch(
  spec: ServiceSpec,
  ordinal: number,
  port: number | undefined,
  inherited: Environment,
  tools: Tools,
): LaunchPlan {
  const given = String(port ?? 0)
  const env: Record<string, string | undefined> = {
    ...inherited,
    PORT: port === undefined ? undefined : given,
    ...spec.env,
    [SETTINGS.port]: given,
    [SETTINGS.service]: spec.name,
    [SETTINGS.instance]: instanceId(spec, ordinal),
    [SETTINGS.weight]: String(weightOf(spec, ordinal)),
    [SETTINGS.fleet]: '1',
  }
  const named = { ...env, ...serviceNameFor(spec.name, env) }
  return { file: tools.node, args: nodeArguments(spec, tools), cwd: spec.cwd, env: named }
}

/** OpenTelemetry's variable for it, which every SDK reads; empty where somebody has named it in `env`. */
export function serviceNameFor(name: string, env: Environment): Record<string, string> {
  const isNamed = env['OTEL_SERVICE_NAME'] || /(^|,)\s*service\.name\s*=/.test(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '')
  return isNamed ? {} : { OTEL_SERVICE_NAME: name }
}

function nodeArguments(spec: ServiceSpec, tools: Tools): string[] {
  if (spec.entry !== undefined) return ['--import', tools.leash, tools.skein, 'run', spec.entry]
  const [program = '', ...rest] = spec.command ?? []
  return program === 'node' ? ['--import', tools.leash, ...rest] : [tools.guard, program, ...rest]
}

/** Where an instance can be asked; an address that stands for "all" on loopback. What is inherited, entries know of and programs do not. */
export function hostOf(spec: ServiceSpec, environment: Environment): string {
  const host = (spec.entry === undefined ? spec.env : environment)[SETTINGS.host]
  return !host || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
}
