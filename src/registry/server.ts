/** HTTP around the endpoints, on the wire engine: what listens, and an end in good order. */
import type { Clock } from '../core/clock.ts'
import { affordableConnections } from '../core/descriptors.ts'
import { httpDate } from '../core/http-date.ts'
import { METRICS_CONTENT_TYPE } from '../telemetry/metrics.ts'
import { WireServer } from '../wire/server.ts'
import type { WireError } from '../wire/wire-error.ts'
import { responseHead } from '../wire/write.ts'
import { type Answer, type ApiRequest, type Endpoint, type Registry, text } from './api/endpoint.ts'
import type { Guard } from './api/guard.ts'
import { ENDPOINTS, PathTable } from './api/table.ts'
import { Exchange } from './exchange.ts'
import { plain } from './replies.ts'

/** Beside Consul's paths: what every Skein process serves. */
const OWN_ENDPOINTS: readonly Endpoint[] = [
  { path: '/metrics', GET: metrics },
  { path: '/health/ready', GET: ready },
  { path: '/health/live', GET: () => plain('live\n') },
]

function metrics({ rights }: ApiRequest, registry: Registry): Answer {
  rights.require('agent', 'read', registry.node)
  return plain(registry.metrics.toText(), METRICS_CONTENT_TYPE)
}

/** Reads are served all the same; who sends writes looks here. */
function ready(_request: ApiRequest, { store: { failure } }: Registry): Answer {
  return failure === undefined ? plain('ready\n') : text(503, failure.message)
}

/** A held answer is not a slow request. Keys and filters are part of the target, which may be as long as a head. */
const LIMITS = {
  headMs: 10_000,
  keepAliveMs: 75_000,
  headBytes: 16 * 1024,
  targetBytes: 16 * 1024,
  requestsPerConnection: Number.POSITIVE_INFINITY,
  // Events, and answers of megabytes: longer than any network stands still for.
  stallMs: 120_000,
}

/** A fifth of what there is, is for health checks and streams of etcd. */
const DESCRIPTORS_EACH = 1.25

export class RegistryServer {
  readonly #wire: WireServer
  readonly #clock: Clock
  #active = 0
  #onQuiet: (() => void) | undefined

  constructor(registry: Registry, guard: Guard) {
    const { clock, log } = registry
    const paths = new PathTable([...ENDPOINTS, ...OWN_ENDPOINTS])
    const shared = { registry, guard, paths, hinted: new Set<string>(), onOver: () => this.#over() }
    this.#clock = clock
    this.#wire = new WireServer({
      clock,
      limits: LIMITS,
      connectionsMax: affordableConnections(DESCRIPTORS_EACH),
      onRequest: (wire) => {
        this.#active++
        new Exchange(shared, wire).run()
      },
      onRefused: (connection, error) => connection.answerRefusal(refusal(error, clock)),
      onBodyRefused: () => {}, // whoever reads the body hears of it
      // Out of file descriptors, say: the next connection may fare better.
      onError: (error) => log.error({ err: error }, 'the registry cannot accept a connection'),
    })
  }

  /** Resolves with the port. @throws the system's error when the address is taken. */
  listen(port: number, host: string): Promise<number> {
    return this.#wire.listen(port, host)
  }

  stopAccepting(): void {
    this.#wire.stopAccepting()
  }

  /** Lets what is under way end for `ms`, then cuts it off. */
  async close(ms: number): Promise<void> {
    if (this.#active > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(ms, resolve, true)
        this.#onQuiet = () => {
          timer.cancel()
          resolve()
        }
      })
    }
    await this.#wire.destroy()
  }

  #over(): void {
    this.#active--
    if (this.#active === 0) this.#onQuiet?.()
  }
}

/** To bytes that are no request. */
function refusal({ status, message }: WireError, clock: Clock): string {
  const fields = ['Date', httpDate(clock), 'Content-Type', 'text/plain; charset=utf-8']
  const body = `${message}\n`
  return `${responseHead(status, fields, `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`)}${body}`
}
