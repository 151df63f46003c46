/** The listening side: connections, their one timer, and an end in good order. */
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../core/clock.ts'
import type { ServerExchange } from './contract.ts'
import { HEAD_LIMITS } from './limits.ts'
import { type ConnectionLimits, ServerConnection } from './server-connection.ts'
import { Sweep } from './sweep.ts'
import type { WireError } from './wire-error.ts'

export const CONNECTION_LIMITS: ConnectionLimits = {
  ...HEAD_LIMITS,
  headMs: 10_000,
  keepAliveMs: 60_000,
  requestsPerConnection: 10_000,
  lingerBytes: 1024 * 1024,
  lingerMs: 2_000,
  pipelining: 1,
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
  /** The body of a request turned out to be no HTTP; its source fails after this. */
  onBodyRefused(exchange: ServerExchange, error: WireError): void
  /** A connection could not be accepted: out of file descriptors, say. */
  onError(error: Error): void
}

export class WireServer {
  readonly limits: ConnectionLimits
  readonly sweep: Sweep<ServerConnection>
  draining = false
  readonly onRequest: WireServerOptions['onRequest']
  readonly onRefused: WireServerOptions['onRefused']
  readonly onBodyRefused: WireServerOptions['onBodyRefused']
  readonly #server: Server
  readonly #connectionsMax: number
  readonly #onError: WireServerOptions['onError']
  #closed: Promise<void> | undefined

  constructor(options: WireServerOptions) {
    this.limits = { ...CONNECTION_LIMITS, ...options.limits }
    this.sweep = new Sweep(options.clock ?? systemClock, tickOf(this.limits))
    this.onRequest = options.onRequest
    this.onRefused = options.onRefused
    this.onBodyRefused = options.onBodyRefused
    this.#connectionsMax = options.connectionsMax ?? Number.POSITIVE_INFINITY
    this.#onError = options.onError
    // Half-open, because the end of what a client sends must not close the way for the answer that is on it.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket))
    this.#server.on('error', options.onError)
  }

  /** Takes a connection from wherever it comes: TLS, say. */
  accept(socket: Socket): ServerConnection {
    if (this.connections >= this.#connectionsMax && !this.#makeRoom()) {
      socket.destroy()
      this.#onError(new Error(`all ${this.#connectionsMax} connections have requests under way; one more was closed`))
    }
    return new ServerConnection(socket, this)
  }

  #makeRoom(): boolean {
    for (const connection of this.sweep.members) {
      if (connection.queue.length > 0) continue
      this.sweep.delete(connection)
      connection.socket.destroy()
      return true
    }
    return false
  }

  get connections(): number {
    return this.sweep.members.size
  }

  /** Resolves with the port. @throws the system's error when the address is taken. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  }

  /** Accepts nothing new, and closes what is idle; other connections end with their answer. */
  stopAccepting(): void {
    this.draining = true
    this.#closed = new Promise((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.sweep.members) if (connection.idle) connection.socket.destroySoon()
  }

  /** Cuts off what is left, and resolves when all connections are closed. */
  async destroy(): Promise<void> {
    for (const connection of this.sweep.members) connection.socket.destroy()
    await this.#closed
    this.sweep.stop()
  }
}

/** Time-outs may be a tick late: a tenth of the shortest is near enough, a second at most. */
function tickOf({ headMs, keepAliveMs, lingerMs }: ConnectionLimits): number {
  return Math.max(5, Math.min(1000, Math.min(headMs, keepAliveMs, lingerMs) / 10))
}
