/**
 * A connection to an upstream. It carries one request at a time, or, to an upstream that knows how, requests that were begun in
 * the same turn of the event loop, written together and answered in order (RFC 9112 §9.3.2). Answers are read strictly:
 * whatever is out of order ends the connection, and with it the request whose answer it was; bytes that nobody asked for end
 * it too, before anybody else could take them for his answer.
 */
import { connect, type Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import type { RawHeaders } from '../core/headers.ts'
import { type BodyDecoder, bodyDecoder } from './body-decoder.ts'
import { type ResponseHead, UNTIL_CLOSE } from './contract.ts'
import { findHeadEnd, parseResponseHead } from './head.ts'
import { type Flow, Incoming } from './incoming.ts'
import { type HeadLimits, INTERIM_MAX } from './limits.ts'
import type { Pool } from './pool.ts'
import { Reading } from './reading.ts'
import { Shared, type SharedConnection, type Sharing } from './shared.ts'
import type { Sweep, Swept } from './sweep.ts'
import type { Waiting } from './waiting.ts'
import { WireError } from './wire-error.ts'

export interface ClientConnectionOptions {
  readonly clock: Clock
  readonly limits: HeadLimits
  readonly sweep: Sweep<ClientConnection>
  /** Of quick ticks: for answers that hold up others. */
  readonly slowSweep: Sweep<Shared>
  readonly keepAliveMs: number
}

const NEVER = Number.POSITIVE_INFINITY
const NOTHING: RawHeaders = []

export class ClientConnection implements Swept, SharedConnection {
  readonly socket: Socket
  dueTick = NEVER
  /** True once an answer has come over it whole. */
  used = false
  connected = false
  /** Requests that share it, `#waiting` the first of them. */
  #shared: Shared | undefined
  readonly #reading = new Reading()
  readonly #pool: Pool<ClientConnection>
  readonly #options: ClientConnectionOptions
  /** Whose answer is the next to come. */
  #waiting: Waiting | undefined
  #decoder: BodyDecoder | undefined
  #body: Incoming | undefined
  #framing = 0
  #reusable = true
  /** True once the request is written in full. */
  #sent = false
  #began = false
  #interim = 0
  #rest: Buffer | undefined
  #over = false
  /** An answer that is held back is not silent. */
  readonly #flow: Flow = {
    pause: () => {
      this.socket.pause()
      this.dueTick = NEVER
    },
    resume: () => {
      if (this.#waiting !== undefined) this.dueTick = this.#options.sweep.in(this.#waiting.bodyIdleMs)
      this.socket.resume()
    },
    drop: (reason) => {
      this.#waiting?.dropped(reason)
      this.destroy(reason)
    },
  }

  constructor(pool: Pool<ClientConnection>, address: string, port: number, options: ClientConnectionOptions) {
    this.#pool = pool
    this.#options = options
    // Must be first: it throws on a port that is none, and then nothing may be left of this connection.
    const { onread } = this.#reading
    this.socket = connect({
      host: address,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      onread,
    })
    this.#reading.to((bytes) => this.#onData(bytes))
    pool.add(this)
    options.sweep.add(this)
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('drain', () => this.#waiting?.drained())
    this.socket.on('error', (error) => this.destroy(error))
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('close', () => this.destroy(new Error('the connection was closed')))
  }

  /** From here on the connection is `waiting`'s until its answer is whole. */
  begin(waiting: Waiting): void {
    this.#sent = false
    this.#await(waiting)
  }

  /** How many requests share it. */
  get sharers(): number {
    return this.#shared?.size ?? 0
  }

  /** Adds a request to those that are written at the end of this turn. Only for a connection that was used before. */
  share(waiting: Sharing, head: string): void {
    this.#shared ??= new Shared(this, this.#options.slowSweep, () => {
      this.#pool.sharingPause.begin(this.#options.clock.monotonic())
    })
    this.#shared.add(waiting, head)
    this.#pool.open = this
  }

  /** Nobody waits for the answer to this request any more. */
  withdraw(waiting: Sharing, reason: Error): void {
    this.#shared?.withdraw(waiting, this.#body !== undefined, reason)
  }

  // What the requests that share it do with it.

  turn(waiting: Sharing | undefined): void {
    // Of an answer that nobody waits for any more, a part may be here.
    if (waiting === undefined || !this.#shared!.pending) this.#waiting = waiting
    else this.#await(waiting)
  }

  write(text: string): void {
    if (this.#pool.open === this) this.#pool.open = undefined
    this.#sent = true
    this.socket.write(text, 'latin1')
  }

  unused(): void {
    if (this.#pool.open === this) this.#pool.open = undefined
    this.#free()
  }

  #await(waiting: Waiting): void {
    this.#waiting = waiting
    this.#began = false
    this.#reusable = true
    this.#interim = 0
    this.dueTick = NEVER
  }

  /** The request's last byte is written; only then may the connection carry another. */
  sent(): void {
    this.#sent = true
    if (this.#waiting === undefined && !this.#over) this.#free()
  }

  overdue(): void {
    this.destroy(new Error(this.#waiting === undefined ? 'idle for too long' : 'the answer stopped coming'))
  }

  /** Ends the connection, and with `error` the request whose answer is the next to come. */
  destroy(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#pool.remove(this)
    this.#options.sweep.delete(this)
    this.socket.destroy()
    const waiting = this.#waiting
    this.#waiting = undefined
    const displaced = this.#shared?.end() ?? []
    if (waiting !== displaced[0]) waiting?.failed(error)
    this.#body?.fail(error)
    for (const one of displaced) one.displaced()
  }

  #onConnect(): void {
    this.connected = true
    this.#waiting?.connected()
  }

  #onData(bytes: Buffer): void {
    if (this.#waiting === undefined || this.#shared?.pending === true)
      return void this.destroy(new Error('bytes that nobody asked for'))
    const rest = this.#rest
    this.#rest = undefined
    try {
      this.#read(rest === undefined ? bytes : Buffer.concat([rest, bytes]), rest?.length ?? 0)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.destroy(error)
    }
  }

  /** Answer after answer; more than one only where requests share the connection. */
  #read(bytes: Buffer, searched: number): void {
    for (let at = 0; at < bytes.length && this.#waiting !== undefined; ) {
      if (!this.#began) {
        this.#began = true
        this.#waiting.responseBegan()
      }
      at = this.#decoder === undefined ? this.#readHead(bytes, at, searched) : this.#readBody(bytes, at)
    }
  }

  /** Returns the position after the head, or after the answer where that has come whole. */
  #readHead(bytes: Buffer, at: number, searched: number): number {
    const { limits } = this.#options
    const end = findHeadEnd(bytes, at, Math.max(at, searched), limits)
    if (end === -1) {
      this.#rest = this.#reading.keep(bytes.subarray(at))
      return bytes.length
    }
    const head = parseResponseHead(bytes, at, end, limits, this.#waiting!.method)
    if (head.status >= 200) return this.#final(head, bytes, end)
    // Nobody asks for an upgrade here; WebSockets have connections of their own.
    if (head.status === 101) throw new WireError('upgrade', 'the answer switches protocols without being asked')
    if (++this.#interim > INTERIM_MAX) throw new WireError('interim', 'there are too many interim answers')
    return end
  }

  #final(head: ResponseHead, bytes: Buffer, at: number): number {
    this.#reusable = head.keepAlive && head.framing !== UNTIL_CLOSE
    this.#framing = head.framing
    const body = new Incoming(this.#flow)
    this.#body = body
    // A small body that came with its head is whole before anybody looks at it.
    if (head.framing >= 0 && bytes.length - at >= head.framing) return this.#wholeAtOnce(head, body, bytes, at)
    this.#decoder = bodyDecoder(head.framing, this.#options.limits)
    if (!this.socket.isPaused()) this.dueTick = this.#options.sweep.in(this.#waiting!.bodyIdleMs)
    this.#waiting!.head(head, body)
    return at
  }

  #wholeAtOnce(head: ResponseHead, body: Incoming, bytes: Buffer, at: number): number {
    const end = at + head.framing
    if (head.framing > 0) body.borrowWhole(bytes.subarray(at, end), this.#reading)
    body.end(NOTHING)
    const waiting = this.#waiting!
    this.#settle(end < bytes.length)
    waiting.head(head, body)
    waiting.whole()
    return end
  }

  #readBody(bytes: Buffer, from: number): number {
    const decoder = this.#decoder!
    const body = this.#body!
    const at = decoder.feed(bytes, from, (data) => body.borrow(data, this.#reading, true))
    if (this.#over) return bytes.length
    if (decoder.done) this.#whole(at < bytes.length)
    else if (!this.socket.isPaused()) this.dueTick = this.#options.sweep.in(this.#waiting!.bodyIdleMs)
    return at
  }

  #whole(excess: boolean): void {
    const waiting = this.#waiting!
    const body = this.#body!
    const { trailers } = this.#decoder!
    this.#settle(excess)
    body.end(trailers)
    waiting.whole()
  }

  /** The answer is read: the next one's turn, or the connection is free, unless something is out of order. */
  #settle(excess: boolean): void {
    this.#waiting = undefined
    this.#decoder = undefined
    this.#body = undefined
    const next = this.#reusable ? this.#shared?.next() : undefined
    // Held back for the sake of a body that has come whole with the last bytes.
    if (this.socket.isPaused()) this.socket.resume()
    if (next !== undefined) this.#await(next)
    else if (excess || !this.#reusable || this.#shared?.last === true)
      this.destroy(new Error('the connection ends with this answer'))
    // An early answer: the rest of the request may still be on its way, so nothing else may go over it yet.
    else if (this.#sent) this.#free()
  }

  #free(): void {
    this.used = true
    this.#reading.calm()
    this.dueTick = this.#options.sweep.in(this.#options.keepAliveMs)
    this.#pool.giveBack(this)
  }

  #onEnd(): void {
    if (this.#decoder !== undefined && this.#framing === UNTIL_CLOSE) this.#whole(false)
    this.destroy(new Error('the connection was closed'))
  }
}
