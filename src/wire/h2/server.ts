/** HTTP/2 in: connections, their one timer, and an end in good order. The bounds are those of Envoy's guide for the edge. */
import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Reading } from '../reading.ts'
import type { Occupant } from '../sockets.ts'
import { Sweep, type Swept } from '../sweep.ts'
import { H2Connection } from './connection.ts'
import type { H2Host } from './streams.ts'

export class H2Server {
  readonly #host: H2Host
  readonly #clock: Clock
  readonly #sweep: Sweep<Swept>
  readonly #connections = new Set<H2Connection>()

  constructor(host: H2Host, tickMs: number) {
    this.#host = host
    this.#clock = host.clock
    this.#sweep = new Sweep(host.clock, tickMs)
  }

  /** Takes a connection on which the client speaks HTTP/2; `bytes` is what was read of it. */
  accept(socket: Socket, reading: Reading, bytes?: Buffer): Occupant {
    // Both sides end together here; a client that keeps its half open would keep the socket.
    socket.allowHalfOpen = false
    const closed = (one: H2Connection) => void this.#connections.delete(one)
    const connection = new H2Connection(socket, reading, this.#host, this.#sweep, closed)
    this.#connections.add(connection)
    if (bytes === undefined) reading.follow(socket)
    else connection.take(bytes)
    return connection
  }

  /** Connections end once their streams have. */
  drain(): void {
    for (const connection of this.#connections) connection.drain()
  }

  /** Resolves when the system has all that was written, or after `lingerMs`: an answer is done when it is on its way there. */
  async written(): Promise<void> {
    const patience = Promise.withResolvers<void>()
    const timer = this.#clock.after(this.#host.limits.lingerMs, patience.resolve, true)
    const all = Array.from(this.#connections, (one) => one.written())
    await Promise.race([Promise.all(all), patience.promise])
    timer.cancel()
  }
}
