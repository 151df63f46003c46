/** Where an instance runs and under which name it is found: options first, then the environment, then defaults. */
import { hostname } from 'node:os'
import { ConfigError, IssueList } from '../core/issues.ts'
import { type Environment, SETTINGS } from '../core/settings.ts'

export interface PlacementOptions {
  /** Default SKEIN_PORT, PORT, else any free one. */
  readonly port?: number | undefined
  /** To listen on and to announce. Default SKEIN_HOST, else 127.0.0.1. */
  readonly host?: string | undefined
  /** Unique in the registry. Default SKEIN_INSTANCE, else `<name>-<hostname>-<port>`. */
  readonly instance?: string | undefined
  /** Whole number ≥ 1, default SKEIN_WEIGHT, else 1. */
  readonly weight?: number | undefined
  /** Default SKEIN_ZONE. */
  readonly zone?: string | undefined
}

export interface Placement {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  readonly instance: string | undefined
  readonly weight: number
  readonly zone: string | undefined
}

/** Between leaving the registry and closing: time for those who watch it to hear that the instance has gone, ms. */
export const DRAIN_DELAY_MS = 500
/** For the requests that are still being served after that, ms. */
export const DRAIN_TIMEOUT_MS = 10_000

const DEFAULT_HOST = '127.0.0.1'
const PORT_MAX = 65_535
/** Consul's limit for weights. */
const WEIGHT_MAX = 65_535

/** @throws ConfigError for a port or weight that is none. */
export function placementOf(options: PlacementOptions, env: Environment): Placement {
  const issues = new IssueList('settings')
  const portKey = filled(env, SETTINGS.port) === undefined && filled(env, 'PORT') !== undefined ? 'PORT' : SETTINGS.port
  const port = options.port ?? filled(env, portKey) ?? 0
  const weight = options.weight ?? filled(env, SETTINGS.weight) ?? 1
  checkWhole(options.port === undefined ? portKey : 'port', port, 0, PORT_MAX, issues)
  checkWhole(options.weight === undefined ? SETTINGS.weight : 'weight', weight, 1, WEIGHT_MAX, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return {
    host: options.host ?? filled(env, SETTINGS.host) ?? DEFAULT_HOST,
    port: Number(port),
    instance: options.instance ?? filled(env, SETTINGS.instance),
    weight: Number(weight),
    zone: options.zone ?? filled(env, SETTINGS.zone),
  }
}

/** The instance's ID in the registry. The default holds the port, so it is known only once the instance listens. */
export function instanceId({ instance }: Placement, name: string, port: number): string {
  return instance ?? `${name}-${hostname()}-${port}`
}

/** An empty variable is as good as none: that is how shells and manifests leave one out. */
function filled(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

function checkWhole(key: string, given: number | string, min: number, max: number, issues: IssueList): void {
  const value = Number(given)
  if (Number.isInteger(value) && value >= min && value <= max) return
  issues.add(key, `${given} is not a whole number from ${min} to ${max}`, 'Correct it')
}
