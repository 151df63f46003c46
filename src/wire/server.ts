/** The listening side: connections, their one timer, and an end in good order. */
import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { createServer as createTlsServer, type SecureContext, type SecureContextOptions } from 'node:tls'
import { type Clock, systemClock } from '../core/clock.ts'
import type { ServerExchange } from './contract.ts'
import { H2Server } from './h2/server.ts'
import type { H2Host } from './h2/streams.ts'
import { NodeH2Server } from './h2-server.ts'
import { type ConnectionLimits, HEAD_LIMITS } from './limits.ts'
import { adopt, Reading } from './reading.ts'
import { type ConnectionHost, ServerConnection } from './server-connection.ts'
import { Sockets } from './sockets.ts'
import { Sweep } from './sweep.ts'
import type { WireError } from './wire-error.ts'

export const CONNECTION_LIMITS: ConnectionLimits = {
  ...HEAD_LIMITS,
  headMs: 10_000,
  keepAliveMs: 60_000,
  requestsPerConnection: 10_000,
  stallMs: Number.POSITIVE_INFINITY,
  lingerBytes: 1024 * 1024,
  lingerMs: 2_000,
  pipelining: 1,
}

/** As many as the system holds for a listener. */
const WAITING_MAX = 4096

export interface TlsSource {
  /** For the name that the client asks for. */
  context(name: string): SecureContext
  /** For clients that ask for none. */
  readonly fallback: SecureContextOptions
}

export interface WireServerOptions {
  /**
   * Connections at most. One more takes the place of the oldest that has no request under way (it is idle, or slow to say
   * what it wants); where there is none it is closed. Default: no bound.
   */
  readonly connectionsMax?: number | undefined
  readonly limits?: Partial<ConnectionLimits> | undefined
  readonly clock?: Clock | undefined
  /** A request. Must set `exchange.observer` before it returns; what it throws ends the process, as it is a mistake of ours. */
  onRequest(exchange: ServerExchange): void
  /** Bytes that are no request, where none is under way. Must call `connection.answerRefusal`. */
  onRefused(connection: ServerConnection, error: WireError): void
  /** A stream of HTTP/2 whose head is none; `exchange` is there to answer it. Default: the bare status. */
  onRefusedStream?(exchange: ServerExchange, error: WireError): void
  /** The body of a request turned out to be no HTTP; its source fails after this. */
  onBodyRefused(exchange: ServerExchange, error: WireError): void
  /** TLS. Asked at each handshake, so that other certificates take over without a drop; `fallback` after `renewCertificates`. */
  readonly tls?: TlsSource | undefined
  /** Speak HTTP/2 too: by ALPN over TLS, by prior knowledge without; `node`: on node:http2. Default false. */
  readonly http2?: boolean | 'node' | undefined
  /** A connection could not be accepted: out of file descriptors, say. */
  onError(error: Error): void
}

export class WireServer implements ConnectionHost {
  readonly limits: ConnectionLimits
  readonly sweep: Sweep<ServerConnection>
  draining = false
  readonly onRequest: WireServerOptions['onRequest']
  readonly onRefused: WireServerOptions['onRefused']
  readonly onBodyRefused: WireServerOptions['onBodyRefused']
  readonly onPreface: ((socket: Socket, reading: Reading, bytes: Buffer) => void) | undefined
  readonly #server: Server
  readonly #h2: NodeH2Server | H2Server | undefined
  readonly #sockets = new Sockets()
  readonly #connectionsMax: number
  readonly #onError: WireServerOptions['onError']
  #renew = () => {}
  #accepted = 0
  #closed: Promise<void> | undefined

  constructor(options: WireServerOptions) {
    this.limits = { ...CONNECTION_LIMITS, ...options.limits }
    this.sweep = new Sweep(options.clock ?? systemClock, tickOf(this.limits))
    this.onRequest = options.onRequest
    this.onRefused = options.onRefused
    this.onBodyRefused = options.onBodyRefused
    this.#connectionsMax = options.connectionsMax ?? Number.POSITIVE_INFINITY
    this.#onError = options.onError
    this.#h2 = options.http2 ? this.#createH2(options) : undefined
    const h2 = this.#h2
    const onPreface = (socket: Socket, reading: Reading, bytes: Buffer) =>
      this.#sockets.occupy(socket, h2!.accept(socket, reading, bytes))
    this.onPreface = h2 && options.tls === undefined ? onPreface : undefined
    this.#server = options.tls === undefined ? this.#createPlain() : this.#createTls(options.tls)
  }

  // Half-open, because the end of what a client sends must not close the way for the answer that is on it.
  #createPlain(): Server {
    return createServer({ allowHalfOpen: true, noDelay: true }, (accepted) => {
      const reading = new Reading()
      const socket = adopt(accepted, reading)
      if (this.#admit(socket)) this.#sockets.occupy(socket, new ServerConnection(socket, reading, this))
    })
  }

  #createTls(tls: TlsSource): Server {
    const server = createTlsServer({
      // Not half-open: Node would wait for ever for a client that hangs up in the middle of its handshake.
      noDelay: true,
      handshakeTimeout: this.limits.headMs,
      ALPNProtocols: this.#h2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
      ...tls.fallback,
      SNICallback: (name, done) => done(null, tls.context(name)),
    })
    this.#renew = () => server.setSecureContext(tls.fallback)
    // A handshake that fails is the client's affair; the socket is closed by then.
    server.on('tlsClientError', (_, socket) => socket.destroy())
    server.on('connection', (socket: Socket) => {
      if (this.#admit(socket)) this.#sockets.shakes(socket)
    })
    server.on('secureConnection', (socket) => {
      const below = this.#sockets.shaken(socket)
      const occupant = socket.alpnProtocol === 'h2' ? this.#h2!.accept(socket, new Reading()) : this.#secure(socket)
      if (below !== undefined) this.#sockets.occupy(below, occupant)
    })
    return server
  }

  #secure(socket: Socket): ServerConnection {
    const reading = new Reading()
    reading.follow(socket)
    return new ServerConnection(socket, reading, this)
  }

  #createH2({ http2, onRequest, onRefusedStream, clock = systemClock }: WireServerOptions): NodeH2Server | H2Server {
    const host: H2Host = {
      clock,
      limits: this.limits,
      onRequest,
      onRefusedStream: onRefusedStream ?? ((exchange, { status }) => exchange.send(status, [], undefined)),
    }
    return http2 === 'node' ? new NodeH2Server(host) : new H2Server(host, tickOf(this.limits))
  }

  /** False: it is one too many, and there is no other that could be closed in its place. */
  #admit(socket: Socket): boolean {
    if (this.connections < this.#connectionsMax || this.#sockets.makeRoom()) {
      this.#sockets.add(socket)
      return true
    }
    socket.destroy()
    this.#onError(new Error(`all ${this.#connectionsMax} connections have requests under way; one more was closed`))
    return false
  }

  /** Shows what `tls.fallback` is now to clients that ask for no name. */
  renewCertificates(): void {
    this.#renew()
  }

  /** All that are open, whatever is spoken on them. */
  get connections(): number {
    return this.#sockets.size
  }

  /**
   * Resolves with the port. With `reusePort` other processes that say so too may listen there, and the system shares connections
   * out among them. @throws the system's error when the address is taken.
   */
  listen(port: number, host: string, reusePort = false): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, host, reusePort }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', this.#onError)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  }

  /**
   * Accepts nothing new, and closes what is idle; other connections end with their answer. With `keepIdle` those that are idle may
   * bring one more request: a client that sends it just now would else see its connection closed.
   */
  stopAccepting(keepIdle = false): void {
    this.draining = true
    this.#closed = new Promise((resolve) => this.#server.close(() => resolve()))
    if (!keepIdle) this.closeIdle()
    this.#h2?.drain()
  }

  /**
   * Takes what waits to be accepted, one a turn of the event loop; to be called just before `stopAccepting`, which resets it.
   * Resolves in the turn in which nobody was left.
   */
  async acceptWaiting(): Promise<void> {
    for (let before = -1, turns = 0; before !== this.#accepted && turns < WAITING_MAX; turns++) {
      before = this.#accepted
      await turn()
    }
  }

  closeIdle(): void {
    for (const connection of this.sweep.members) if (connection.idle) connection.socket.destroySoon()
  }

  /** Cuts off what is left, and resolves when all connections are closed. */
  async destroy(): Promise<void> {
    await this.#h2?.written()
    this.#sockets.destroy()
    await this.#closed
    this.sweep.stop()
  }
}

/** Time-outs may be a tick late: a tenth of the shortest is near enough, a second at most. */
function tickOf({ headMs, keepAliveMs, lingerMs }: ConnectionLimits): number {
  return Math.max(5, Math.min(1000, Math.min(headMs, keepAliveMs, lingerMs) / 10))
}
