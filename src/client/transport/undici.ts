/**
 * HTTP/1.1 by undici. One undici `Client` is one connection; which of them takes a request is decided here and not by
 * undici's Pool, because three things must be known that a Pool hides: whether a connection was used before (a reset on it
 * may be retried), whether anything was written (only what was not may always be retried), and how to give up while
 * connecting. Idle connections are taken newest first, so that surplus ones fall idle and close.
 */
import { Readable } from 'node:stream'
import { buildConnector, Client, type Dispatcher, errors } from 'undici'
import { authority } from '../../core/authority.ts'
import { type Clock, systemClock, type Timer } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { RawHeaders } from '../../core/headers.ts'
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
export interface UndiciTransportOptions {
  readonly clock?: Clock | undefined
  /** Connections to one instance, default 1,024. More are refused rather than queued: waiting belongs where it is counted. */
  readonly connectionsMax?: number | undefined
}

export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const { clock = systemClock, connectionsMax = 1_024 } = options
  const peers = new Map<string, Peer>()
  let closed = false
  return {
    send(target, message, receiver) {
      const origin = originOf(target)
      let peer = peers.get(origin)
      if (peer === undefined) {
        peer = new Peer(origin, connectionsMax, () => peers.delete(origin))
        peers.set(origin, peer)
      }
      const exchange = new Exchange(message, receiver)
      if (closed) exchange.failLater(new Error('the client is closed'))
      else exchange.start(peer, clock)
      return exchange.breakOff
    },
    async close() {
      closed = true
      await Promise.all([...peers.values()].map((peer) => peer.destroy()))
    },
  }
}

function originOf({ address, port }: Target): string {
  return `http://${authority(address, port)}`
}

const connect = buildConnector({ timeout: 2 * CONNECT_TIMEOUT_MS })

/** All connections to one address. It is forgotten with its last one. */
class Peer {
  readonly #connections = new Set<Connection>()
  readonly #origin: string
  readonly #max: number
  readonly #empty: () => void
  readonly #idle: Connection[] = []

  constructor(origin: string, max: number, empty: () => void) {
    this.#origin = origin
    this.#max = max
    this.#empty = empty
  }

  /** @throws Error when as many as may be are in use, or the address cannot be one. */
  take(): Connection {
    const idle = this.#idle.pop()
    if (idle !== undefined) {
      idle.busy = true
      return idle
    }
    if (this.#connections.size >= this.#max) throw new Error(`${this.#max} connections in use`)
    const connection = new Connection(this.#origin, this)
    this.#connections.add(connection)
    return connection
  }

  giveBack(connection: Connection): void {
    if (this.#connections.has(connection)) this.#idle.push(connection)
  }

  remove(connection: Connection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.#connections.delete(connection) && this.#connections.size === 0) this.#empty()
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.destroy()))
  }
}

class Connection {
  readonly client: Client
  /** True once an answer has come over the present socket. */
  used = false
  connected = false
  /** True while a request is on it or about to be. */
  busy = true
  readonly #peer: Peer

  constructor(origin: string, peer: Peer) {
    this.#peer = peer
    this.client = new Client(origin, {
      connect,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
    })
    this.client.on('connect', () => {
      this.connected = true
    })
    this.client.on('disconnect', () => this.#disconnected())
  }

  /** A request that was not begun yet stays: undici connects again for it. */
  #disconnected(): void {
    this.used = false
    this.connected = false
    if (!this.busy) void this.destroy()
  }

  /** After a complete answer. */
  release(): void {
    this.used = true
    this.busy = false
    this.#peer.giveBack(this)
  }

  async destroy(): Promise<void> {
    this.#peer.remove(this)
    if (!this.client.destroyed) await this.client.destroy()
  }
}

/** One request on one connection: undici's handler on one side, a Receiver on the other. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #message: Message
  readonly #receiver: Receiver
  #connection: Connection | undefined
  #connecting: Timer | undefined
  #controller: Dispatcher.DispatchController | undefined
  #stage: Stage = 'connect'
  #reused = false
  #body: Readable | undefined
  #over = false

  constructor(message: Message, receiver: Receiver) {
    this.#message = message
    this.#receiver = receiver
  }

  readonly breakOff: BreakOff = (reason) => {
    if (this.#over) return
    this.#finish(reason)
    this.#discard(reason)
  }

  failLater(cause: Error): void {
    queueMicrotask(() => this.#fail(cause))
  }

  start(peer: Peer, clock: Clock): void {
    const connection = takeFrom(peer)
    if (connection instanceof Error) {
      this.failLater(connection)
      return
    }
    this.#connection = connection
    if (!connection.connected) {
      const late = () => this.#fail(new Error(`no connection in ${CONNECT_TIMEOUT_MS} ms`))
      this.#connecting = clock.after(CONNECT_TIMEOUT_MS, late)
    }
    const { method, path, body, bodyIdleMs } = this.#message
    // A microtask later, so that the receiver is not called before `send` has returned.
    queueMicrotask(() => {
      if (this.#over) return
      const options = { method, path, headers: framed(this.#message), body: body ?? null, bodyTimeout: bodyIdleMs }
      connection.client.dispatch(options as Dispatcher.DispatchOptions, this)
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#over) {
      controller.abort(new Error('broken off'))
      return
    }
    this.#controller = controller
    this.#reused = this.#connection?.used === true
    this.#connecting?.cancel()
    this.#stage = 'request'
  }

  onResponseStarted(): void {
    this.#stage = 'response'
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#over || status < 200) return
    this.#body = new Readable({
      highWaterMark: 64 * 1024,
      read: () => controller.resume(),
      destroy: (error, done) => {
        this.breakOff(error ?? new Error('the answer was not wanted'))
        done(error)
      },
    })
    this.#receiver.head(status, rawHeaders(controller), this.#body)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#finish()
    this.#body?.push(null)
    this.#connection?.release()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof errors.InvalidArgumentError) {
      this.breakOff(new SkeinError('BAD_REQUEST', `the request cannot be sent: ${error.message}`, {}, error))
    } else if (this.#bodyGone()) {
      this.breakOff(new SkeinError('CANCELLED', 'the body of the request broke off', {}, error))
    } else {
      this.#fail(error)
    }
  }

  /** True when it was the request's own body that failed. Undici destroys the body as well, but reports the error first. */
  #bodyGone(): boolean {
    const { body } = this.#message
    return body instanceof Readable && body.destroyed && !body.readableEnded
  }

  #fail(cause: Error): void {
    if (this.#over) return
    const error = new TransportError(this.#stage, this.#reused, cause)
    this.#finish(error)
    this.#discard(error)
  }

  #finish(error?: Error): void {
    this.#over = true
    this.#connecting?.cancel()
    this.#receiver.end(error)
  }

  /** A connection on which something went wrong is never used again: bytes of this answer may still come. */
  #discard(error: Error): void {
    this.#controller?.abort(error)
    void this.#connection?.destroy()
    this.#body?.destroy(error)
  }
}

/** None where all are in use, or where the registry holds an address that cannot be one: a failure to connect, like any other. */
function takeFrom(peer: Peer): Connection | Error {
  try {
    return peer.take()
  } catch (error) {
    return error as Error
  }
}

/** Undici computes the length of strings and bytes; that of a stream is what the caller says. */
function framed({ headers, body, bodyLength }: Message): RawHeaders {
  const unknown = !(body instanceof Readable) || bodyLength === undefined
  return unknown ? headers : [...headers, 'content-length', String(bodyLength)]
}

/** Header bytes are Latin-1 characters, as in Node's own HTTP. */
function rawHeaders(controller: Dispatcher.DispatchController): RawHeaders {
  const raw = controller.rawHeaders
  return Array.isArray(raw) ? raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))) : []
}
