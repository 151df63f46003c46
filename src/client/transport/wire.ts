/**
 * HTTP/1.1 by our own engine (src/wire/): one exchange is one object between a connection and a Receiver. It knows what a pool
 * of a library hides: whether the connection was used before (a reset on it may be retried), whether anything was written (only
 * what was not may always be retried), and how to give up while connecting. Small safe requests to instances that know how share
 * connections (src/wire/shared.ts); what is displaced there goes over a connection of its own, and nobody hears of it.
 */
import { Readable } from 'node:stream'
import { authority } from '../../core/authority.ts'
import { type Clock, systemClock, type Timer } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { header, type RawHeaders } from '../../core/headers.ts'
import type { BodySink, BodySource, Done } from '../../wire/body.ts'
import { CHUNK_END, chunkStart, LAST_CHUNK } from '../../wire/chunked.ts'
import { ClientConnection } from '../../wire/client-connection.ts'
import { CHUNKED, type ResponseHead } from '../../wire/contract.ts'
import { fromReadable, type Incoming } from '../../wire/incoming.ts'
import { HEAD_LIMITS } from '../../wire/limits.ts'
import { writeTogether } from '../../wire/one-write.ts'
import { Pool } from '../../wire/pool.ts'
import { SAFE_METHODS } from '../../wire/safe.ts'
import type { Shared, Sharing } from '../../wire/shared.ts'
import { Sweep } from '../../wire/sweep.ts'
import { WireError } from '../../wire/wire-error.ts'
import { requestHead } from '../../wire/write.ts'
import { pipeliningOf } from '../pipelining.ts'
import {
  type BreakOff,
  type Message,
  type Receiver,
  type Stage,
  type Target,
  type Transport,
  TransportError,
} from '../transport.ts'

/** A connect that takes longer is given up: another instance is nearer than a lost SYN's second try. */
const CONNECT_TIMEOUT_MS = 1_000
/** Below the 5 s after which Node's servers close, so that a request seldom meets a connection that is being closed. */
const KEEP_ALIVE_MS = 4_000
const TICK_MS = 500
/** For answers that hold up others. */
const SLOW_TICK_MS = 5
/** Heads of answers: as much as a head may have with nginx and Node. */
const LIMITS = { ...HEAD_LIMITS, headBytes: 64 * 1024, headerFields: 1_000 }

export interface WireTransportOptions {
  readonly clock?: Clock | undefined
  /** Connections to one instance, default 1,024. More are refused rather than queued: waiting belongs where it is counted. */
  readonly connectionsMax?: number | undefined
  /** May requests share connections to instances that say they know how? Default true. */
  readonly pipelining?: boolean | undefined
}

export function wireTransport(options: WireTransportOptions = {}): Transport {
  return new WireTransport(options)
}

class WireTransport implements Transport {
  readonly clock: Clock
  readonly #connectionsMax: number
  readonly #pipelining: boolean
  readonly #sweep: Sweep<ClientConnection>
  readonly #slowSweep: Sweep<Shared>
  readonly #pools = new Map<string, Pool<ClientConnection>>()
  #closed = false

  constructor({ clock = systemClock, connectionsMax = 1_024, pipelining = true }: WireTransportOptions) {
    this.clock = clock
    this.#connectionsMax = connectionsMax
    this.#pipelining = pipelining
    this.#sweep = new Sweep(clock, TICK_MS)
    this.#slowSweep = new Sweep(clock, SLOW_TICK_MS)
  }

  send(target: Target, message: Message, receiver: Receiver): BreakOff {
    const exchange = new Exchange(this, target, message, receiver)
    const depth = this.#pipelining && mayBeSentTwice(message) ? pipeliningOf(target.meta) : 1
    if (depth > 1) exchange.share(depth)
    else exchange.begin()
    return exchange.breakOff
  }

  /** One that takes a request of this turn, or one that is idle; undefined where the request should have its own. */
  sharedConnection(target: Target, depth: number): ClientConnection | undefined {
    const pool = this.#pools.get(keyOf(target))
    if (!pool?.sharingPause.isOver(this.clock.monotonic())) return undefined
    const { open } = pool
    return open !== undefined && open.sharers < depth ? open : pool.take()
  }

  /** For one request alone. @throws Error when there can be none: closed, too many, or an address that is none. */
  connection(target: Target): ClientConnection {
    if (this.#closed) throw new Error('the client is closed')
    const key = keyOf(target)
    const pool = this.#pools.get(key) ?? new Pool<ClientConnection>(() => this.#pools.delete(key))
    const idle = pool.take()
    if (idle !== undefined) return idle
    if (pool.connections.size >= this.#connectionsMax) throw new Error(`${this.#connectionsMax} connections in use`)
    const connection = new ClientConnection(pool, target.address, target.port, {
      clock: this.clock,
      limits: LIMITS,
      sweep: this.#sweep,
      slowSweep: this.#slowSweep,
      keepAliveMs: KEEP_ALIVE_MS,
    })
    // Not before: where the address is none, nobody would take an empty pool away.
    this.#pools.set(key, pool)
    return connection
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const connection of [...this.#sweep.members]) connection.destroy(new Error('the client is closed'))
  }
}

const mayBeSentTwice = ({ method, body, once }: Message) =>
  body === undefined && once !== true && SAFE_METHODS.has(method)

const keyOf = ({ address, port }: Target) => `${address} ${port}`

/** One request on one connection. */
class Exchange implements Sharing {
  readonly #transport: WireTransport
  readonly #target: Target
  readonly #message: Message
  readonly #receiver: Receiver
  #connection: ClientConnection | undefined
  #connecting: Timer | undefined
  #stage: Stage = 'connect'
  #reused = false
  /** The request's body while it is being sent. */
  #source: BodySource | undefined
  #shares = false
  #over = false

  constructor(transport: WireTransport, target: Target, message: Message, receiver: Receiver) {
    this.#transport = transport
    this.#target = target
    this.#message = message
    this.#receiver = receiver
  }

  get method(): string {
    return this.#message.method
  }

  get bodyIdleMs(): number {
    return this.#message.bodyIdleMs
  }

  /** On a connection of its own. */
  begin(): void {
    try {
      this.#beginOn(this.#transport.connection(this.#target))
    } catch (error) {
      queueMicrotask(() => this.failed(error as Error))
    }
  }

  #beginOn(connection: ClientConnection): void {
    this.#connection = connection
    this.#reused = connection.used
    connection.begin(this)
    if (connection.connected) return void this.#write()
    this.#connecting = this.#transport.clock.after(CONNECT_TIMEOUT_MS, () =>
      connection.destroy(new Error(`no connection in ${CONNECT_TIMEOUT_MS} ms`)),
    )
  }

  /** With others, up to `depth` of them, where there is a connection that was used before. */
  share(depth: number): void {
    const { method, path } = this.#message
    this.#attempt(() => {
      const head = requestHead(method, path, this.#fields(), 0)
      const connection = this.#transport.sharedConnection(this.#target, depth)
      if (connection === undefined) return this.begin()
      this.#connection = connection
      this.#reused = true
      this.#shares = true
      connection.share(this, head)
    })
  }

  written(): void {
    this.#stage = 'request'
  }

  /** It is safe to send it again, and it must not happen to it again. */
  displaced(): void {
    if (this.#over) return
    this.#stage = 'connect'
    this.#shares = false
    this.begin()
  }

  readonly breakOff: BreakOff = (reason) => {
    if (this.#over) return
    this.#finish(reason)
    if (this.#shares) this.#connection!.withdraw(this, reason)
    else this.#connection?.destroy(reason)
  }

  connected(): void {
    this.#connecting?.cancel()
    this.#write()
  }

  responseBegan(): void {
    this.#stage = 'response'
  }

  head({ status, headers }: ResponseHead, body: Incoming): void {
    if (this.#over) return
    this.#receiver.head(status, headers, body)
  }

  drained(): void {
    this.#source?.resume()
  }

  whole(): void {
    if (this.#over) return
    // An answer before the end of the request: the rest is not wanted, and the connection is good for nothing else.
    const early = this.#source !== undefined
    this.#finish()
    if (early) this.#connection!.destroy(new Error('the answer came before the end of the request'))
  }

  dropped(reason: Error): void {
    if (!this.#over) this.#finish(reason)
  }

  failed(error: Error): void {
    if (!this.#over) this.#finish(new TransportError(this.#stage, this.#reused, error))
  }

  #finish(error?: Error): void {
    this.#over = true
    this.#connecting?.cancel()
    const source = this.#source
    this.#source = undefined
    source?.drop(error ?? new Error('the answer came before the end of the request'))
    this.#receiver.end(error)
  }

  #write(): void {
    this.#attempt(() => this.#writeHead())
  }

  #attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const reason = new SkeinError('BAD_REQUEST', `the request cannot be sent: ${error.message}`, {}, error)
      queueMicrotask(() => this.breakOff(reason))
    }
  }

  /** Nothing of a message that cannot be written as HTTP is sent. */
  #writeHead(): void {
    const { method, path, body, bodyLength } = this.#message
    const connection = this.#connection!
    const headers = this.#fields()
    const { socket } = connection
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      const head = requestHead(method, path, headers, bytes?.length ?? 0)
      this.#stage = 'request'
      if (bytes === undefined || bytes.length === 0) socket.write(head, 'latin1')
      else writeTogether(socket, head, bytes)
      connection.sent()
      return
    }
    const head = requestHead(method, path, headers, bodyLength ?? CHUNKED)
    this.#stage = 'request'
    socket.write(head, 'latin1')
    this.#source = body instanceof Readable ? fromReadable(body) : body
    this.#source.read(bodyLength === undefined ? this.#chunkedSink() : this.#lengthSink(bodyLength))
  }

  #fields(): RawHeaders {
    const { headers } = this.#message
    const { address, port } = this.#target
    return header(headers, 'host') === undefined ? ['host', authority(address, port), ...headers] : headers
  }

  #chunkedSink(): BodySink {
    const { socket } = this.#connection!
    const pass = (bytes: Uint8Array, done?: Done) => {
      if (bytes.length === 0 || this.#source === undefined) return
      socket.cork()
      socket.write(chunkStart(bytes.length), 'latin1')
      socket.write(bytes, done)
      if (!socket.write(CHUNK_END, 'latin1')) this.#source.pause()
      socket.uncork()
    }
    return {
      chunk: pass,
      lend: pass,
      end: () => {
        if (this.#source !== undefined) socket.write(LAST_CHUNK, 'latin1')
        this.#bodySent()
      },
      fail: (error: Error) => this.#bodyBroke(error),
    }
  }

  #lengthSink(length: number): BodySink {
    const { socket } = this.#connection!
    let left = length
    const pass = (bytes: Uint8Array, done?: Done) => {
      if (this.#source === undefined) return
      left -= bytes.length
      if (left < 0) this.#bodyBroke(new Error('it is longer than was said'))
      else if (!socket.write(bytes, done)) this.#source.pause()
    }
    return {
      chunk: pass,
      lend: pass,
      end: () => (left > 0 ? this.#bodyBroke(new Error('it is shorter than was said')) : this.#bodySent()),
      fail: (error: Error) => this.#bodyBroke(error),
    }
  }

  #bodySent(): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#connection!.sent()
  }

  /** The request's own body failed, perhaps in the moment in which it is sent: nobody's fault but this side's. */
  #bodyBroke(error: Error): void {
    this.#source = undefined
    const reason =
      error instanceof SkeinError ? error : new SkeinError('CANCELLED', 'the body of the request broke off', {}, error)
    queueMicrotask(() => this.breakOff(reason))
  }
}
