/** The listening side: Node's HTTP server with strict settings, one exchange a request, and an end in good order. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SkeinError } from '../core/errors.ts'
import { writeBareError } from './answer.ts'
import { Connection, Exchange, type Parts, type Upgrade } from './exchange.ts'
import { createPipeline } from './pipeline.ts'
import type { GatewaySnapshot } from './snapshot.ts'

/** Requests that one connection may have under way; a client that pipelines more is cut off. */
const PIPELINED_MAX = 100

export class GatewayServer {
  /** The configuration in force for requests that come from now on; those under way keep theirs. */
  snapshot: GatewaySnapshot
  readonly #parts: Parts
  readonly #http: Server
  readonly #run: (exchange: Exchange) => Promise<void>
  readonly #connections = new WeakMap<Duplex, Connection>()
  readonly #exchanges = new Set<Exchange>()
  /** Every open connection, also those that have not sent a request yet. */
  readonly #sockets = new Set<Socket>()
  #draining = false
  #onQuiet: (() => void) | undefined

  constructor(snapshot: GatewaySnapshot, parts: Parts) {
    this.snapshot = snapshot
    this.#parts = parts
    this.#run = createPipeline(parts)
    this.#http = this.#createServer()
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Resolves with the port. @throws the system's error when the address is taken. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen(port, host, () => resolve((this.#http.address() as AddressInfo).port))
    })
  }

  /** Accepts nothing new, lets what is under way end for `drainMs`, then cuts it off. */
  async close(): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()))
    // To Node a connection that has said nothing yet counts as busy.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
    const { drainMs, lingerMs } = this.#parts.limits
    await this.#quiet(drainMs)
    for (const exchange of this.#exchanges) {
      exchange.fail(new SkeinError('SHUTTING_DOWN', 'the gateway is closing', { reason: 'gateway_closing' }))
    }
    await this.#quiet(lingerMs)
    this.#http.closeAllConnections()
    await closed
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

  #createServer(): Server {
    const { limits } = this.#parts
    const server = createServer({
      insecureHTTPParser: false,
      // `refuse` does it, so that the answer has a body, an id and a log line like all others.
      requireHostHeader: false,
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headMs,
      // A whole request may take long, its silences may not: `receive-body` times those, and the call has its deadline.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(1000, limits.headMs),
      keepAliveTimeout: limits.keepAliveMs,
      noDelay: true,
    })
    server.maxRequestsPerSocket = limits.requestsPerConnection
    // Out of file descriptors, say: the next connection may fare better.
    server.on('error', (error) => this.#parts.log.error({ err: error }, 'the gateway cannot accept a connection'))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (incoming, outgoing) => this.#accept(incoming, outgoing))
    server.on('checkContinue', (incoming, outgoing) => this.#accept(incoming, outgoing))
    server.on('checkExpectation', (incoming, outgoing) => this.#accept(incoming, outgoing))
    server.on('upgrade', (incoming, socket, head) => this.#acceptUpgrade(incoming, socket as Socket, head))
    server.on('connect', (incoming, socket, head) => this.#acceptUpgrade(incoming, socket as Socket, head))
    server.on('clientError', (error, socket) => this.#refuseBytes(error, socket as Socket))
    return server
  }

  /** Upgrades and CONNECTs come without a response object: Node has let go of the socket. */
  #acceptUpgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    // Whatever happens to the socket from here on, an error on it has a listener; `close` follows and is acted on.
    socket.on('error', () => undefined)
    const connection = this.#connectionOf(socket)
    if (connection.refused || connection.exchanges.size > 0) return void socket.destroy()
    const outgoing = new ServerResponse(incoming)
    outgoing.assignSocket(socket)
    outgoing.once('finish', () => {
      outgoing.detachSocket(socket)
      socket.destroySoon()
    })
    this.#accept(incoming, outgoing, { socket, head })
  }

  #accept(incoming: IncomingMessage, outgoing: ServerResponse, upgrade?: Upgrade): void {
    const connection = this.#connectionOf(incoming.socket)
    if (connection.refused) return
    if (connection.exchanges.size >= PIPELINED_MAX) return void connection.socket.destroy()
    const exchange = new Exchange({
      connection,
      incoming,
      outgoing,
      upgrade,
      snapshot: this.snapshot,
      startedAt: this.#parts.clock.monotonic(),
      draining: () => this.#draining,
    })
    const before = connection.exchanges.size === 0 ? undefined : connection.last
    connection.exchanges.add(exchange)
    this.#exchanges.add(exchange)
    const gone = (cause?: unknown) =>
      exchange.fail(new SkeinError('CANCELLED', 'the client has gone', { reason: 'client_gone' }, cause))
    outgoing.on('error', gone).once('close', () => {
      if (!outgoing.writableFinished) gone()
    })
    connection.last = this.#serve(exchange, before)
  }

  /**
   * One after the other on a connection: of pipelined requests only safe ones may be done at once (RFC 9112 §9.3.2), and so
   * few clients pipeline that telling them apart is not worth it. Never rejects.
   */
  async #serve(exchange: Exchange, before: Promise<void> | undefined): Promise<void> {
    const { connection } = exchange
    if (before !== undefined) await before
    try {
      if (before !== undefined && connection.refused) return
      await this.#run(exchange)
      if (connection.refused) endWith(exchange)
    } catch (error) {
      // The steps answer for errors of requests; what gets here is a mistake in a step.
      this.#parts.log.error({ err: error, requestId: exchange.requestId }, 'a gateway step threw')
      connection.socket.destroy()
    } finally {
      this.#forget(exchange)
    }
  }

  #forget(exchange: Exchange): void {
    const { connection } = exchange
    connection.exchanges.delete(exchange)
    this.#exchanges.delete(exchange)
    if (this.#draining) this.#http.closeIdleConnections()
    if (this.#exchanges.size === 0) this.#onQuiet?.()
  }

  /**
   * Bytes that are no HTTP, or come too slowly. They belong to the request that is still coming in, if there is one; behind
   * whole requests these are answered and the connection ends; with nothing under way the answer is made here.
   */
  #refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connectionOf(socket)
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    // Garbage behind a refused request: its answer is on the way, and the connection ends with it.
    if (connection.refused) return
    connection.refused = true
    const refusal = refusalOf(error)
    const broken = [...connection.exchanges].find(({ incoming }) => !incoming.complete)
    if (broken !== undefined) broken.fail(refusal)
    else if (connection.exchanges.size === 0) this.#answerBytes(connection, refusal)
  }

  #answerBytes({ socket, ip }: Connection, refusal: SkeinError): void {
    const requestId = randomUUID()
    const { status } = refusal.kind
    this.#parts.metrics.requests.with('none', String(status)).value++
    const line = {
      kind: 'access',
      status,
      requestId,
      client: ip,
      code: refusal.code,
      reason: refusal.details['reason'],
    }
    this.#parts.log.info(line, 'request')
    writeBareError(socket, refusal, requestId)
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const connection = new Connection(socket)
    this.#connections.set(socket, connection)
    return connection
  }
}

/** Ends the connection with this answer, even if its head was out before anybody knew. */
function endWith({ outgoing, connection }: Exchange): void {
  if (outgoing.writableFinished) connection.socket.destroySoon()
  else outgoing.once('finish', () => connection.socket.destroySoon())
}

function refusalOf(error: NodeJS.ErrnoException): SkeinError {
  const reason = (error.code ?? 'HPE_UNKNOWN').toLowerCase()
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return new SkeinError('HEADERS_TOO_LARGE', 'the head is too large', { reason })
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new SkeinError('REQUEST_TIMEOUT', 'the head came too slowly', { reason })
  }
  return new SkeinError('BAD_REQUEST', 'this is not HTTP/1.1', { reason })
}
