/** `serve()`: an instance of a service in this process, placed by options and environment. */
import { hostname } from 'node:os'
import { closeDefaults } from '../client/default.ts'
import { PIPELINING_KEY } from '../client/pipelining.ts'
import { authority } from '../core/authority.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { ConfigError, IssueList } from '../core/issues.ts'
import { createLogger, type Logger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { type Environment, registryAddress, registryToken } from '../core/settings.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { type Metrics, processMetrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import { openTracing, type Tracing } from '../telemetry/spans/tracing.ts'
import { limitOf } from './check-definition.ts'
import type { Host } from './exchange.ts'
import { runLifecycle } from './lifecycle.ts'
import type { LimitConfig } from './limit/limits.ts'
import {
  DRAIN_DELAY_MS,
  DRAIN_TIMEOUT_MS,
  instanceId,
  type Placement,
  type PlacementOptions,
  placementOf,
} from './placement.ts'
import { publishContract } from './publish.ts'
import { type Registration, startRegistration } from './registration.ts'
import type { App, Servable } from './servable.ts'
import { type ServerChoice, type ServerOptions, serverFor } from './servers.ts'

/** Everything has a default; what the fleet sets comes in through `env`. */
export interface ServeOptions extends PlacementOptions, ServerOptions {
  /** Address of the registry, or several separated by commas; default SKEIN_REGISTRY, else http://127.0.0.1:8500. False: do not register. */
  readonly registry?: string | false | undefined
  /** Token for it. Default SKEIN_REGISTRY_TOKEN, else CONSUL_HTTP_TOKEN. */
  readonly token?: string | undefined
  /** How many requests are worked on at a time: `adaptive`, a number, or false for no limit. Default: SKEIN_LIMIT, else as the service says. */
  readonly limit?: LimitConfig | undefined
  /** After deregistering, how long to serve on, so that those who watch hear of it, ms. Default 500. */
  readonly drainDelayMs?: number | undefined
  /** How long to wait for requests in flight after that, ms. Default 10,000. */
  readonly drainTimeoutMs?: number | undefined
  /** Close and exit on SIGTERM, SIGINT and when the fleet is gone. Default true. */
  readonly signals?: boolean | undefined
  /** Default process.env. */
  readonly env?: Environment | undefined
  readonly log?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly metrics?: Metrics | undefined
  /** Records requests. Default: as OTEL_* in the environment say; false = nothing. */
  readonly tracer?: Tracer | false | undefined
}

export interface RunningService {
  /** Instance ID. */
  readonly id: string
  readonly name: string
  readonly port: number
  /** `http://127.0.0.1:40123`. */
  readonly url: string
  /** Deregisters, drains, closes; idempotent. */
  close(): Promise<void>
}

/** Services of this process that are not closed. */
let serving = 0

/**
 * Listens, registers and serves until closed. It resolves once it listens and has tried to register; a registry that is
 * away is tried again in the background.
 * @throws ConfigError for a port, weight, time, server, pipelining or OTEL_* that is none; the system's error when the port is taken; what `onStart` throws.
 */
export async function serve(servable: Servable, options: ServeOptions = {}): Promise<RunningService> {
  const { name } = servable
  const env = options.env ?? process.env
  const limit = limitOf(options.limit, env)
  const app = limit === undefined ? servable['~app'] : { ...servable['~app'], limit }
  const placement = placementOf(options, env)
  checkTimes(options)
  const server = serverFor(app, options, env)
  const host = createHost(name, options)
  const consul = options.registry === false ? undefined : createConsul(options, env, host)
  // Last of what may throw, so that it is closed whatever happens.
  const tracing = options.tracer === undefined ? openTracing(env, { service: name, log: options.log }) : undefined
  host.tracer = options.tracer || tracing?.tracer
  serving++
  const running = await runLifecycle({
    app,
    host,
    server,
    listenOn: placement,
    register(port) {
      nameInstance(host, placement, port)
      tracing?.tell({ service: name, instance: host.instance, log: host.log })
      return consul && register(consul, app, host, placement, server, port, options.random)
    },
    drainDelayMs: options.drainDelayMs ?? DRAIN_DELAY_MS,
    drainTimeoutMs: options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
    signals: options.signals ?? true,
    release: () => release(consul, tracing),
  })
  return { id: host.instance, name, url: urlOf(placement.host, running.port), ...running }
}

const LONGEST_MS = 86_400_000

/** @throws ConfigError for what is no time: NaN would break off all that is still being served. */
function checkTimes({ drainDelayMs, drainTimeoutMs }: ServeOptions): void {
  const issues = new IssueList('settings')
  for (const [key, ms] of Object.entries({ drainDelayMs, drainTimeoutMs }))
    if (ms !== undefined && !(ms >= 0 && ms <= LONGEST_MS))
      issues.add(key, `${ms} is not a time in ms`, 'Use 0 to a day')
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
}

function createHost(name: string, options: ServeOptions): Host {
  return {
    name,
    instance: name,
    log: options.log ?? createLogger({ service: name }),
    clock: options.clock ?? systemClock,
    metrics: options.metrics ?? processMetrics,
    phase: 'serving',
    refused: 0,
  }
}

/** Its own connection to the registry, so that closing one service in a process leaves others theirs. */
function createConsul({ registry, token, random }: ServeOptions, env: Environment, { clock, log }: Host): ConsulClient {
  const address = registry || registryAddress(env)
  return new ConsulClient({ address, token: token ?? registryToken(env), clock, log, random })
}

/**
 * With the last service go the connections by which its handlers called others: they would keep the process alive. A later
 * call opens new ones.
 */
async function release(consul: ConsulClient | undefined, tracing: Tracing | undefined): Promise<void> {
  await consul?.close()
  if (--serving === 0) await closeDefaults()
  await tracing?.close()
}

function nameInstance(host: Host, placement: Placement, port: number): void {
  host.instance = instanceId(placement, host.name, port)
  host.log = host.log.child({ instance: host.instance })
}

function register(
  consul: ConsulClient,
  { contract, about }: App,
  host: Host,
  placement: Placement,
  { pipelining }: ServerChoice,
  port: number,
  random: Random = systemRandom,
): Registration {
  const since = host.clock.now()
  const own = {
    ...{ skein: '1', contract: contract?.hash, version: about.version, zone: placement.zone },
    [PIPELINING_KEY]: pipelining > 1 ? String(pipelining) : undefined,
  }
  return startRegistration({
    id: host.instance,
    name: host.name,
    address: announced(placement.host),
    port,
    tags: about.tags ?? [],
    meta: { ...about.meta, ...onlyGiven(own) },
    weight: placement.weight,
    check: { http: '/health/ready' },
    publish: contract && ((signal) => publishContract(consul, { contract, since }, signal)),
    refused: () => host.refused,
    consul,
    clock: host.clock,
    random,
    log: host.log,
  })
}

function onlyGiven(object: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(object).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** Nobody can be reached at "any address": who listens everywhere is announced by the host's name. */
function announced(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostname() : host
}

function urlOf(host: string, port: number): string {
  return `http://${authority(announced(host), port)}`
}
