/**
 * A connection to an upstream: one request at a time, its answer read strictly. Whatever is out of order ends the connection,
 * and with it the request; bytes that nobody asked for end it too, before anybody else could take them for his answer.
 */
import { connect, type Socket } from 'node:net'
import type { RawHeaders } from '../core/headers.ts'
import { type BodyDecoder, bodyDecoder } from './body-decoder.ts'
import { type ResponseHead, UNTIL_CLOSE } from './contract.ts'
import { findHeadEnd, parseResponseHead } from './head.ts'
import { type Flow, Incoming } from './incoming.ts'
import { type HeadLimits, INTERIM_MAX } from './limits.ts'
import type { Pool } from './pool.ts'
import type { Sweep, Swept } from './sweep.ts'
import { WireError } from './wire-error.ts'

/** Who waits for the answer that the connection is to bring. */
export interface Waiting {
  readonly method: string
  /** Silence in the middle of the body after which it is broken off, ms. */
  readonly bodyIdleMs: number
  connected(): void
  /** The first byte of an answer is here. */
  responseBegan(): void
  head(head: ResponseHead, body: Incoming): void
  /** The request's own body may go on. */
  drained(): void
  /** The answer is whole. */
  whole(): void
  /** The body is not wanted any more; the connection ends with it. */
  dropped(reason: Error): void
  /** The connection failed. */
  failed(error: Error): void
}

export interface ClientConnectionOptions {
  readonly limits: HeadLimits
  readonly sweep: Sweep<ClientConnection>
  readonly keepAliveMs: number
}

const NEVER = Number.POSITIVE_INFINITY
const NOTHING: RawHeaders = []

export class ClientConnection implements Swept {
  readonly socket: Socket
  dueTick = NEVER
  /** True once an answer has come over it whole. */
  used = false
  connected = false
  readonly #pool: Pool<ClientConnection>
  readonly #options: ClientConnectionOptions
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
    this.socket = connect({ host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 })
    pool.add(this)
    options.sweep.add(this)
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    this.socket.on('drain', () => this.#waiting?.drained())
    this.socket.on('error', (error) => this.destroy(error))
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('close', () => this.destroy(new Error('the connection was closed')))
  }

  /** From here on the connection is `waiting`'s until its answer is whole. */
  begin(waiting: Waiting): void {
    this.#waiting = waiting
    this.#sent = false
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

  /** Ends the connection, and with `error` the request on it. */
  destroy(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#pool.remove(this)
    this.#options.sweep.delete(this)
    this.socket.destroy()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.failed(error)
    this.#body?.fail(error)
  }

  #onConnect(): void {
    this.connected = true
    this.#waiting?.connected()
  }

  #onData(bytes: Buffer): void {
    if (this.#waiting === undefined) return void this.destroy(new Error('bytes that nobody asked for'))
    if (!this.#began) {
      this.#began = true
      this.#waiting.responseBegan()
    }
    const rest = this.#rest
    this.#rest = undefined
    try {
      this.#read(rest === undefined ? bytes : Buffer.concat([rest, bytes]), rest?.length ?? 0)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.destroy(error)
    }
  }

  #read(bytes: Buffer, searched: number): void {
    let at = this.#decoder === undefined ? this.#readHeads(bytes, searched) : 0
    if (this.#over || this.#decoder === undefined) return
    at = this.#decoder.feed(bytes, at, (data) => this.#body!.push(data))
    if (this.#over) return
    if (this.#decoder.done) this.#whole(at < bytes.length)
    else if (!this.socket.isPaused()) this.dueTick = this.#options.sweep.in(this.#waiting!.bodyIdleMs)
  }

  /** Reads interim heads over and the final one; returns the position after it. */
  #readHeads(bytes: Buffer, searched: number): number {
    const { limits } = this.#options
    for (let at = 0; ; ) {
      const end = findHeadEnd(bytes, at, Math.max(at, searched), limits)
      if (end === -1) {
        this.#rest = at === 0 ? bytes : bytes.subarray(at)
        return bytes.length
      }
      const head = parseResponseHead(bytes, at, end, limits, this.#waiting!.method)
      at = end
      if (head.status >= 200) {
        this.#final(head, bytes, at)
        return at
      }
      // Nobody asks for an upgrade here; WebSockets have connections of their own.
      if (head.status === 101) throw new WireError('upgrade', 'the answer switches protocols without being asked')
      if (++this.#interim > INTERIM_MAX) throw new WireError('interim', 'there are too many interim answers')
    }
  }

  #final(head: ResponseHead, bytes: Buffer, at: number): void {
    this.#reusable = head.keepAlive && head.framing !== UNTIL_CLOSE
    this.#framing = head.framing
    const body = new Incoming(this.#flow)
    this.#body = body
    this.#decoder = bodyDecoder(head.framing, this.#options.limits)
    // A small body that came with its head is whole before anybody looks at it.
    if (head.framing > 0 && bytes.length - at >= head.framing) return void this.#wholeAtOnce(head, body, bytes, at)
    this.#waiting!.head(head, body)
  }

  #wholeAtOnce(head: ResponseHead, body: Incoming, bytes: Buffer, at: number): void {
    body.push(bytes.subarray(at, at + head.framing))
    body.end(NOTHING)
    const waiting = this.#waiting!
    this.#settle(at + head.framing < bytes.length)
    waiting.head(head, body)
    waiting.whole()
  }

  #whole(excess: boolean): void {
    const waiting = this.#waiting!
    const body = this.#body!
    const { trailers } = this.#decoder!
    this.#settle(excess)
    body.end(trailers)
    waiting.whole()
  }

  /** The answer is read: the connection is free, unless something is out of order. */
  #settle(excess: boolean): void {
    this.#waiting = undefined
    this.#decoder = undefined
    this.#body = undefined
    if (excess || !this.#reusable) this.destroy(new Error('the connection ends with this answer'))
    // An early answer: the rest of the request may still be on its way, so nothing else may go over it yet.
    else if (this.#sent) this.#free()
  }

  #free(): void {
    this.used = true
    // Held back for the sake of a body that has come whole with the last bytes.
    if (this.socket.isPaused()) this.socket.resume()
    this.dueTick = this.#options.sweep.in(this.#options.keepAliveMs)
    this.#pool.giveBack(this)
  }

  #onEnd(): void {
    if (this.#decoder !== undefined && this.#framing === UNTIL_CLOSE) this.#whole(false)
    this.destroy(new Error('the connection was closed'))
  }
}
