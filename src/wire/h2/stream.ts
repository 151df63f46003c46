/** One stream of HTTP/2: a request and its answer. */
import type { Duplex } from 'node:stream'
import type { RawHeaders } from '../../core/headers.ts'
import type { BodySource, Done } from '../body.ts'
import type { ExchangeObserver, Framing, Peer, RequestHead, ServerExchange } from '../contract.ts'
import { readTrailers } from '../h2-head.ts'
import { Incoming } from '../incoming.ts'
import { NOBODY } from '../nobody.ts'
import { WireError } from '../wire-error.ts'
import { CODE } from './codes.ts'
import { type Output, PAYLOAD_MAX } from './output.ts'
import type { Sender, SendWindow } from './send-window.ts'
import { H2Tunnel } from './tunnel.ts'

/** SETTINGS_INITIAL_WINDOW_SIZE: what a client may send of a body that nobody takes. */
export const STREAM_WINDOW_BYTES = 64 * 1024

/** What a stream needs of its connection. */
export interface StreamConnection {
  readonly peer: Peer
  readonly output: Output
  readonly sending: SendWindow
  /** So many bytes of its body are not held back any more: others may send as many. */
  taken(bytes: number): void
  /** It may send so many more itself. */
  reopen(stream: H2Stream, bytes: number): void
  reset(stream: H2Stream, code: number): void
  /** Its answer is out; the end of its request has a while to come. */
  linger(stream: H2Stream): void
  /** Both sides have ended. */
  over(stream: H2Stream): void
}

const NOTHING: RawHeaders = []
const NO_BYTES = Buffer.alloc(0)
const UNKNOWN = Number.POSITIVE_INFINITY

export class H2Stream implements ServerExchange, Sender {
  readonly id: number
  readonly head: RequestHead
  observer: ExchangeObserver = NOBODY
  done = false
  /** Its request is none: behind the answer it is reset (RFC 9113 §8.1.1). */
  malformed = false
  /** END_STREAM has come. */
  ended: boolean
  /** What the client takes of this answer, bytes; negative where it has changed its mind. */
  window: number
  readonly #connection: StreamConnection
  readonly #output: Output
  readonly #sending: SendWindow
  readonly #incoming: Incoming | undefined
  /** Bytes that came and for which the client was given no others. */
  #owed = 0
  /** Of these, what the window of all streams has not got back. */
  #shared = 0
  #received = 0
  #held = false
  /** Of the request; Infinity where it does not say. */
  #length: number
  #begun = false
  #bodiless = false
  /** Bytes of an answer of known length that are still to be written. */
  #left = UNKNOWN
  #queue: Uint8Array[] | undefined
  #trailers: RawHeaders | undefined
  /** Its last byte was written. */
  #finished = false
  /** END_STREAM is out. */
  #sent = false
  /** No stream any more. */
  #closed = false
  #tunnelled = false

  /** `refused`: nothing of its body is taken. */
  constructor(connection: StreamConnection, id: number, head: RequestHead, ended: boolean, refused: boolean) {
    this.#connection = connection
    this.#output = connection.output
    this.#sending = connection.sending
    this.id = id
    this.head = head
    this.ended = ended
    this.window = connection.sending.initial
    this.#length = head.framing > 0 || (head.framing === 0 && head.upgrade === undefined) ? head.framing : UNKNOWN
    this.#held = refused
    if (refused) this.#length = UNKNOWN
    else if (!ended) this.#incoming = this.#receive()
  }

  get peer(): Peer {
    return this.#connection.peer
  }

  /** What follows an upgrade is no body. That one announced as empty is so, is known by its end. */
  get body(): BodySource | undefined {
    return this.head.upgrade === undefined ? this.#incoming : undefined
  }

  get answered(): boolean {
    return this.#begun
  }

  /** The connection carries other streams, and stays. */
  closeAfter(): void {}

  sendContinue(): void {
    if (!this.#closed && !this.#begun)
      this.#output.headers(this.id, this.#output.hpack.head(100, NOTHING, undefined), false)
  }

  send(status: number, fields: RawHeaders, body: string | Uint8Array | undefined, done?: Done): void {
    if (this.#closed) return
    const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? NO_BYTES)
    this.#respond(status, fields, body === undefined ? undefined : bytes.length, bytes.length === 0)
    this.#finished = true
    if (this.#sent) this.#handedOver()
    else if (this.#put(bytes)) done?.()
  }

  begin(status: number, fields: RawHeaders, framing: Framing, trailers = false): void {
    if (this.#closed) return
    this.#respond(status, fields, framing >= 0 ? framing : undefined, framing === 0 && !trailers)
    // The last bytes end the stream, where nothing is to come behind them.
    if (framing >= 0) this.#left = framing
    if (trailers) this.#trailers = NOTHING
  }

  write(bytes: Uint8Array, done?: Done): boolean {
    if (this.#closed || this.#finished || this.#bodiless || bytes.length === 0) return true
    if (bytes.length > this.#left) throw new WireError('body_too_long', 'the body is longer than its Content-Length')
    this.#left -= bytes.length
    const isOut = this.#put(bytes)
    // Copied into the connection's buffer.
    if (isOut) done?.()
    return isOut
  }

  end(trailers: RawHeaders = NOTHING): void {
    if (this.#closed || this.#finished) return
    if (this.#left > 0 && this.#left !== UNKNOWN && !this.#bodiless)
      throw new WireError('body_too_short', 'the body is shorter than its Content-Length')
    this.#trailers = this.#trailers === undefined ? undefined : readTrailers(trailers)
    this.#finished = true
    if (this.#sent) this.#handedOver()
    else if (this.#queue === undefined) this.#endStream()
  }

  /** A whole answer stays one. */
  reset(): void {
    if (!this.done || this.#tunnelled) this.cancel(CODE.internal)
  }

  /** Ends it before its time, on our side. */
  cancel(code: number): void {
    if (this.#closed) return
    this.#closed = true
    this.#connection.reset(this, code)
    process.nextTick(() => this.lost(new Error('the answer broke off')))
  }

  upgrade(fields: RawHeaders): { readonly stream: Duplex; readonly head: Buffer } {
    const tunnel = new H2Tunnel(this, this.#incoming)
    if (this.#closed) tunnel.destroy()
    else {
      this.#respond(200, fields, undefined, false)
      this.#tunnelled = true
      this.observer = tunnel
    }
    return { stream: tunnel, head: NO_BYTES }
  }

  // The connection's side.

  /** More of its body, `size` bytes with its padding; `ends`: the last of it. Returns the code of a mistake. */
  onData(bytes: Buffer, size: number, ends: boolean): number | undefined {
    this.#received += bytes.length
    this.#owed += size
    this.#shared += size
    if (this.#owed > STREAM_WINDOW_BYTES) return CODE.flowControl
    if (this.#received > this.#length) return CODE.protocol
    if (bytes.length > 0) this.#incoming?.push(bytes)
    // Its taker may have ended it just now.
    if ((!this.#held || this.done) && !this.#closed) this.#take()
    if (this.done && !ends && this.#isStuck()) this.stop()
    return undefined
  }

  /** The request is whole. Returns the code of a mistake. */
  onEnd(trailers: RawHeaders): number | undefined {
    if (this.#closed) return undefined
    if (this.#length !== UNKNOWN && this.#received !== this.#length) return CODE.protocol
    this.ended = true
    this.#incoming?.end(trailers)
    if (this.done) this.#finishBoth()
    return undefined
  }

  /** Sends one frame of what waits; false where it cannot. */
  sendMore(): boolean {
    const [bytes] = this.#queue!
    const size = Math.min(bytes!.length, PAYLOAD_MAX, this.window, this.#sending.left)
    if (size <= 0 || this.#output.full) return false
    if (size < bytes!.length) this.#queue![0] = bytes!.subarray(size)
    else this.#queue!.shift()
    const isLast = this.#queue!.length === 0
    this.#frame(size < bytes!.length ? bytes!.subarray(0, size) : bytes!, isLast)
    if (isLast) this.#caughtUp()
    return true
  }

  /** RFC 9113 §8.1: asks the client to stop what it sends; by default without an error. */
  stop(code: number = CODE.noError): void {
    if (this.#closed) return
    this.#connection.reset(this, code)
    this.lost(answeredEarly())
  }

  /** It was reset, or its connection has gone. */
  lost(error: Error): void {
    this.#closed = true
    this.#queue = undefined
    this.#incoming?.fail(error)
    if (this.done && !this.#tunnelled) return
    const { observer } = this
    this.observer = NOBODY
    observer.gone(error)
  }

  /** It is over: what it still holds of the window of all streams. */
  settle(): number {
    const shared = this.#shared
    this.#shared = 0
    return shared
  }

  #receive(): Incoming {
    return new Incoming({
      pause: () => {
        this.#held = true
      },
      resume: () => this.#release(),
      // The answer may still go out; what comes is read over until then.
      drop: () => this.#release(),
    })
  }

  #release(): void {
    this.#held = false
    if (!this.#closed) this.#take()
  }

  #take(): void {
    // At once: many streams that each owe a little would else hold all of it, and wait for each other.
    this.#connection.taken(this.settle())
    // Half a window is worth a frame.
    if (this.#owed < STREAM_WINDOW_BYTES / 2 || this.ended || this.done) return
    this.#connection.reopen(this, this.#owed)
    this.#owed = 0
  }

  /** @throws WireError on a bad field */
  #respond(status: number, fields: RawHeaders, length: number | undefined, empty: boolean): void {
    if (this.#begun) throw new Error('the answer has begun already')
    const told = status === 204 || (status === 304 && length === 0) ? undefined : length
    const block = this.#output.hpack.head(status, fields, told)
    this.#begun = true
    this.#bodiless = this.head.method === 'HEAD' || status === 204 || status === 304 || status < 200
    this.#sent = empty || this.#bodiless
    this.#output.headers(this.id, block, this.#sent && !this.malformed)
  }

  /** False: hold back. */
  #put(bytes: Uint8Array): boolean {
    const { length } = bytes
    if (this.#queue !== undefined) {
      this.#queue.push(bytes)
      return false
    }
    let at = 0
    while (at < length) {
      const size = Math.min(length - at, PAYLOAD_MAX, this.window, this.#sending.left)
      if (size <= 0 || this.#output.full) break
      this.#frame(size === length ? bytes : bytes.subarray(at, at + size), at + size === length)
      at += size
    }
    if (at === length) {
      if (this.#sent && this.#finished) this.#handedOver()
      // Also where the client is behind by now: nothing of this stream waits, so nobody would tell it to go on.
      return true
    }
    this.#queue = [at === 0 ? bytes : bytes.subarray(at)]
    this.#sending.blocked(this)
    return false
  }

  /** `last`: nothing else waits. */
  #frame(bytes: Uint8Array, last: boolean): void {
    const ends = last && this.#trailers === undefined && (this.#finished || this.#left === 0)
    this.window -= bytes.length
    this.#sent = ends
    this.#sending.left -= bytes.length
    this.#output.data(this.id, bytes, ends && !this.malformed)
  }

  #caughtUp(): void {
    this.#queue = undefined
    this.#sending.unblocked(this)
    if (!this.#finished) this.observer.drained()
    else if (this.#sent) this.#handedOver()
    else this.#endStream()
  }

  #endStream(): void {
    this.#sent = true
    const trailers = this.#trailers ?? NOTHING
    if (trailers.length > 0) this.#output.headers(this.id, this.#output.hpack.trailers(trailers), true)
    else this.#output.data(this.id, NO_BYTES, true)
    this.#handedOver()
  }

  #handedOver(): void {
    if (this.done) return
    this.done = true
    this.observer.done()
    if (this.malformed) this.stop(CODE.protocol)
    else if (this.ended) this.#finishBoth()
    else if (!this.#tunnelled) this.#answeredEarly()
  }

  #answeredEarly(): void {
    const incoming = this.#incoming
    if (incoming === undefined || this.#isStuck()) return void this.stop()
    if (this.#received === this.#length) incoming.end(NOTHING)
    else incoming.fail(answeredEarly())
    // What ends the request may be under way, and Node's client counts an answer as broken off whose stream is reset while it reads.
    this.#connection.linger(this)
  }

  /** It cannot end its request: it may not send as much. */
  #isStuck(): boolean {
    const left = STREAM_WINDOW_BYTES - this.#owed
    return this.#length === UNKNOWN ? left === 0 : this.#length - this.#received > left
  }

  #finishBoth(): void {
    this.#closed = true
    this.#connection.over(this)
  }
}

const answeredEarly = () => new Error('the request was answered before its body was read')
