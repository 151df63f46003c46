/** The gateway: `startGateway`. The life of a request is in pipeline.ts. */
import type { Caller } from '../client/contract.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { ConfigError, type Issue } from '../core/issues.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { SETTINGS } from '../core/settings.ts'
import { Timeouts } from '../core/timeouts.ts'
import { type Metrics, processMetrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import { type About, openTracing, type Tracing } from '../telemetry/spans/tracing.ts'
import { type Admin, type Pages, pagesOf, serveAdmin } from './admin.ts'
import { type Allowance, ownAllowance } from './allowance.ts'
import type { GatewayConfig } from './contract.ts'
import type { Parts } from './exchange.ts'
import { type Http2Engine, http2Engine } from './http2-engine.ts'
import { type GatewayLimits, LIMITS } from './limits.ts'
import { gatewayMetrics } from './metrics.ts'
import { ConfiguredAllowance } from './redis/configured.ts'
import { ruleNames } from './rules.ts'
import { GatewayServer } from './server.ts'
import { type GatewayRoute, type GatewaySnapshot, takeSnapshot } from './snapshot.ts'
import { RotatingTicketKeys, type TicketKeys } from './ticket-keys.ts'

export { checkGatewayConfig } from './config.ts'
export type { GatewayConfig, RouteConfig, RouteRules } from './contract.ts'
export { type GatewayLimits, LIMITS } from './limits.ts'
export type { CustomStep, StepRequest } from './rule/steps.ts'

export const DEFAULT_PORT = 8080
export const DEFAULT_HOST = '127.0.0.1'

export interface GatewayOptions {
  readonly config: GatewayConfig
  /** Through which all requests go on; the gateway does not close it. */
  readonly caller: Caller
  /** Default: silent. */
  readonly log?: Logger | undefined
  readonly clock?: Clock | undefined
  /** For splits and mirrors; the choice of an instance is the caller's. */
  readonly random?: Random | undefined
  readonly metrics?: Metrics | undefined
  /** Records requests. Default: as OTEL_* in the environment say; false = nothing. */
  readonly tracer?: Tracer | false | undefined
  /** On 127.0.0.1; default 0 = any free one, false = none: whoever asks `pages` serves them. */
  readonly adminPort?: number | false | undefined
  /** Other gateways listen on the same port, and the system shares connections out. Default false. */
  readonly reusePort?: boolean | undefined
  /** With which sessions of TLS are kept by the clients: gateways with the same go on with each other's. Default: its own. */
  readonly ticketKeys?: TicketKeys | undefined
  /** Who counts for the rate limits; default this gateway by itself. */
  readonly allowance?: Allowance | undefined
  /** What speaks HTTP/2 with clients. Default SKEIN_HTTP2, else wire. */
  readonly http2?: Http2Engine | undefined
  /** What a client may take up; default LIMITS. */
  readonly limits?: Partial<GatewayLimits> | undefined
}

export interface RunningGateway {
  readonly port: number
  /** 0 where there is none. */
  readonly adminPort: number
  /** What the admin port serves. */
  readonly pages: Pages
  /**
   * Puts `config` in force for the requests that come from now on; connections and requests under way are not touched.
   * @throws ConfigError when it has mistakes or changes `port` or `host`; then the old one stays.
   */
  reload(config: GatewayConfig): void
  /**
   * Accepts nothing new, lets requests under way end (10 s at most), then closes. Idempotent. Idle connections stay for
   * `idleMs` (default 0) and may bring one more request, where others take over and none is to fail.
   */
  close(idleMs?: number): Promise<void>
}

/** @throws ConfigError with every mistake of the config; the system's error when a port is taken. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const tracing = options.tracer === undefined ? openTracing(process.env, aboutGateway(options)) : undefined
  try {
    return await start(options, tracing)
  } catch (error) {
    await tracing?.close()
    throw error
  }
}

async function start(options: GatewayOptions, tracing: Tracing | undefined): Promise<RunningGateway> {
  const { caller, log = silentLogger, clock = systemClock, random = systemRandom, metrics = processMetrics } = options
  const limits = { ...LIMITS, ...options.limits }
  const tracer = options.tracer || tracing?.tracer
  const common = { caller, log, clock, random, limits, metrics: gatewayMetrics(metrics), tracer }
  const allowance = new ConfiguredAllowance(options.allowance ?? ownAllowance, common)
  const parts = { ...common, allowance, timeouts: new Timeouts(clock) }
  const snapshot = takeSnapshot(options.config, parts)
  const ticketKeys = options.ticketKeys ?? new RotatingTicketKeys(clock)
  const server = new GatewayServer(snapshot, parts, ticketKeys, options.http2 ?? http2Engine(process.env))
  const end = () => {
    allowance.close()
    ticketKeys.close()
  }
  await allowance.use(server.snapshot.redis)
  const pages = pagesOf({
    caller,
    metrics,
    routes: () => server.snapshot.table.routes,
    rulesOf: ({ config }: GatewayRoute) => ruleNames(config, server.snapshot.config.defaults),
    isReady: () => !server.draining,
  })
  const { admin, port } = await listen(server, options, pages, end)
  log.info({ port, adminPort: admin.port, routes: options.config.routes.length }, 'gateway listens')
  let closing: Promise<void> | undefined
  return {
    port,
    adminPort: admin.port,
    pages,
    reload(config) {
      server.reload(nextSnapshot(config, server.snapshot, port, parts))
      void allowance.use(server.snapshot.redis)
      log.info({ routes: config.routes.length }, 'gateway reloaded')
    },
    close(idleMs) {
      closing ??= server
        .close(idleMs)
        .then(() => {
          end()
          return admin.close()
        })
        .finally(() => tracing?.close())
      return closing
    },
  }
}

/** Its spans are of a service of this name, unless OTEL_SERVICE_NAME says another. */
function aboutGateway({ log }: GatewayOptions): About {
  return { service: 'gateway', instance: process.env[SETTINGS.instance], log }
}

const NO_ADMIN: Admin = { port: 0, close: () => Promise.resolve() }

/** Both ports, or neither. */
async function listen(
  server: GatewayServer,
  { config, reusePort, adminPort = 0 }: GatewayOptions,
  pages: Pages,
  end: () => void,
): Promise<{ admin: Admin; port: number }> {
  let admin = NO_ADMIN
  try {
    if (adminPort !== false) admin = await serveAdmin(adminPort, pages)
    return { admin, port: await server.listen(config.port ?? DEFAULT_PORT, config.host ?? DEFAULT_HOST, reusePort) }
  } catch (error) {
    end()
    await admin.close()
    throw error
  }
}

function nextSnapshot(config: GatewayConfig, before: GatewaySnapshot, port: number, parts: Parts): GatewaySnapshot {
  const next = takeSnapshot(config, parts, before)
  const old = before.config
  const issues: Issue[] = []
  const refuse = (key: string, from: unknown, to: unknown) =>
    issues.push({
      file: 'gateway',
      key,
      message: `cannot change from ${from} to ${to} while the gateway runs`,
      fix: `Put ${from} back, or restart the gateway.`,
    })
  const wanted = config.port ?? DEFAULT_PORT
  if (wanted !== port && wanted !== (old.port ?? DEFAULT_PORT)) refuse('port', port, wanted)
  const [host, oldHost] = [config.host ?? DEFAULT_HOST, old.host ?? DEFAULT_HOST]
  if (host !== oldHost) refuse('host', oldHost, host)
  const [tls, oldTls] = [config.tls !== undefined, old.tls !== undefined].map((on) => (on ? 'on' : 'off'))
  if (tls !== oldTls) refuse('tls', oldTls, tls)
  const [workers, oldWorkers] = [config.workers ?? 1, old.workers ?? 1]
  if (workers !== oldWorkers) refuse('workers', oldWorkers, workers)
  if (issues.length > 0) throw new ConfigError(issues)
  return next
}
