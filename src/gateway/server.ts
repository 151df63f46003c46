/** The listening side: the wire engine's server, one exchange a request, and an end in good order. */
import { randomUUID } from 'node:crypto'
import { Bag } from '../core/bag.ts'
import { sleep } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { Peer, ServerExchange } from '../wire/contract.ts'
import { type TlsSource, WireServer } from '../wire/server.ts'
import type { ServerConnection } from '../wire/server-connection.ts'
import type { WireError } from '../wire/wire-error.ts'
import { bareAnswer, bareReply } from './answer.ts'
import { Exchange, type Parts } from './exchange.ts'
import type { Http2Engine } from './http2-engine.ts'
import { createPipeline } from './pipeline.ts'
import type { GatewaySnapshot } from './snapshot.ts'
import type { TicketKeys } from './ticket-keys.ts'

export class GatewayServer {
  /** The configuration in force for requests that come from now on; those under way keep theirs. */
  snapshot: GatewaySnapshot
  readonly #parts: Parts
  readonly #wire: WireServer
  readonly #run: (exchange: Exchange) => Promise<void>
  /** Those of the configuration in force. */
  readonly #certificates: TlsSource
  readonly #exchanges = new Bag<Exchange>()
  #onQuiet: (() => void) | undefined

  constructor(snapshot: GatewaySnapshot, parts: Parts, ticketKeys: TicketKeys, http2: Http2Engine) {
    this.snapshot = snapshot
    this.#parts = parts
    this.#run = createPipeline(parts)
    const certificates = () => this.snapshot.certificates!
    this.#certificates = {
      context: (name) => certificates().context(name),
      get fallback() {
        // Node's own would be made of the command line, in which workers differ.
        return { ...certificates().fallback, ticketKeys: ticketKeys.current, sessionIdContext: 'skein-gateway' }
      },
    }
    this.#wire = new WireServer({
      clock: parts.clock,
      connectionsMax: parts.limits.connections,
      // `refuse` counts fields and measures targets itself, so that the answer has an id and a log line like all others.
      limits: { ...parts.limits, headerFields: parts.limits.headBytes, targetBytes: parts.limits.headBytes },
      tls: snapshot.certificates && this.#certificates,
      http2: http2 === 'node' ? 'node' : true,
      onRequest: (wire) => this.#accept(wire),
      onRefusedStream: (wire, error) => this.#refuseStream(wire, error),
      onRefused: (connection, error) => this.#refuse(connection, error),
      onBodyRefused: ({ observer }, error) => (observer as Exchange).fail(refusalOf(error)),
      // Out of file descriptors, say: the next connection may fare better.
      onError: (error) => parts.log.error({ err: error }, 'the gateway cannot accept a connection'),
    })
    ticketKeys.onChange = () => this.#wire.renewCertificates()
  }

  /** Puts the next configuration in force; its certificates count from the next handshake on. */
  reload(snapshot: GatewaySnapshot): void {
    this.snapshot = snapshot
    this.#wire.renewCertificates()
  }

  get draining(): boolean {
    return this.#wire.draining
  }

  /** Resolves with the port. @throws the system's error when the address is taken. */
  listen(port: number, host: string, reusePort = false): Promise<number> {
    return this.#wire.listen(port, host, reusePort)
  }

  /** Accepts nothing new, lets what is under way end for `drainMs`, then cuts it off. `idleMs` as in RunningGateway. */
  async close(idleMs = 0): Promise<void> {
    if (idleMs > 0) await this.#wire.acceptWaiting()
    this.#wire.stopAccepting(idleMs > 0)
    if (idleMs > 0) await sleep(idleMs, this.#parts.clock)
    this.#wire.closeIdle()
    const { drainMs, lingerMs } = this.#parts.limits
    await this.#quiet(drainMs)
    for (const exchange of this.#exchanges.all()) {
      exchange.fail(new SkeinError('SHUTTING_DOWN', 'the gateway is closing', { reason: 'gateway_closing' }))
    }
    await this.#quiet(lingerMs)
    await this.#wire.destroy()
  }

  /** Resolves when nothing is under way, or after `ms`. */
  async #quiet(ms: number): Promise<void> {
    if (this.#exchanges.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.after(ms, resolve, true)
      this.#onQuiet = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  #accept(wire: ServerExchange): void {
    const exchange = new Exchange(wire, this.snapshot, this.#parts.clock.monotonic())
    this.#exchanges.add(exchange)
    wire.observer = exchange
    this.#run(exchange).then(
      () => this.#over(exchange),
      (error) => {
        this.#parts.log.error({ err: error, requestId: exchange.requestId }, 'a gateway step threw')
        exchange.wire.reset()
        this.#over(exchange)
      },
    )
  }

  #over(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
    if (this.#exchanges.size === 0) this.#onQuiet?.()
  }

  #refuseStream(wire: ServerExchange, error: WireError): void {
    const refusal = refusalOf(error)
    const requestId = this.#noteRefusal(wire.peer, refusal)
    const { headers, body } = bareReply(refusal, requestId)
    wire.send(refusal.kind.status, headers, body)
  }

  /** Bytes that are no HTTP, or come too slowly, where no request is under way to answer for them. */
  #refuse(connection: ServerConnection, error: WireError): void {
    const refusal = refusalOf(error)
    connection.answerRefusal(bareAnswer(refusal, this.#noteRefusal(connection.peer, refusal)))
  }

  /** Counts and logs it; returns its id. */
  #noteRefusal({ ip }: Peer, { kind: { status }, code, details }: SkeinError): string {
    const { metrics, log } = this.#parts
    const requestId = randomUUID()
    metrics.requests.with('none', String(status)).value++
    log.info({ kind: 'access', status, requestId, client: ip, code, reason: details['reason'] }, 'request')
    return requestId
  }
}

const CODES = { 408: 'REQUEST_TIMEOUT', 414: 'URI_TOO_LONG', 431: 'HEADERS_TOO_LARGE' } as const

function refusalOf({ reason, message, status }: WireError): SkeinError {
  return new SkeinError(CODES[status as keyof typeof CODES] ?? 'BAD_REQUEST', message, { reason })
}
