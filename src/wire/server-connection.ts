/**
 * A client's connection: bytes in, requests out, answers back in the order of the requests. Requests beyond the pipelining
 * depth stay unread, so that a client which sends faster than it is answered is held back by TCP.
 */
import type { Socket } from 'node:net'
import { type BodyDecoder, bodyDecoder } from './body-decoder.ts'
import type { Peer } from './contract.ts'
import { Gathered } from './gathered.ts'
import { PREFACE_LENGTH, startsPreface } from './h2-preface.ts'
import { findHeadEnd, parseRequestHead } from './head.ts'
import { Incoming, wholeBody } from './incoming.ts'
import type { ConnectionLimits } from './limits.ts'
import { peerOf } from './peer.ts'
import type { Reading } from './reading.ts'
import { reset } from './reset.ts'
import { SAFE_METHODS } from './safe.ts'
import { H1Exchange } from './server-exchange.ts'
import { SocketFlow } from './socket-flow.ts'
import type { Sweep, Swept } from './sweep.ts'
import { unsent } from './unsent.ts'
import { WireError } from './wire-error.ts'

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly limits: ConnectionLimits
  readonly sweep: Sweep<ServerConnection>
  readonly draining: boolean
  onRequest(exchange: H1Exchange): void
  /** Bytes that are no request, where none is under way. The connection ends with the answer. */
  onRefused(connection: ServerConnection, error: WireError): void
  /** The client speaks HTTP/2 from its first byte on (RFC 9113 §3.3); undefined where that is not spoken. */
  readonly onPreface: ((socket: Socket, reading: Reading, bytes: Buffer) => void) | undefined
  /** A broken body of `exchange`. */
  onBodyRefused(exchange: H1Exchange, error: WireError): void
}

const NEVER = Number.POSITIVE_INFINITY
const CR = 13
const LF = 10

export class ServerConnection implements Swept {
  readonly socket: Socket
  readonly host: ConnectionHost
  dueTick: number
  /** Requests read and not yet answered in full, in order. */
  readonly queue: H1Exchange[] = []
  requests = 0
  /** True once nothing more will be read as a request. */
  ending = false
  readonly #reading: Reading
  #decoder: BodyDecoder | undefined
  #body: Incoming | undefined
  /** Bytes that came and were not read: half a head, or requests beyond the depth. */
  #rest: Buffer | undefined
  /** How much of `#rest` was searched for the end of the head. */
  #searched = 0
  /** The tick by which the head that has begun must be whole; Infinity where none has. */
  #headTick = NEVER
  /** An empty line stood before the head that is waited for. */
  #blank = false
  readonly #flow: SocketFlow
  #linger = -1
  /** Bytes that came behind the last request while answers are still under way. */
  #behind = 0
  #peer: Peer | undefined
  #stalled = false
  /** Bytes that were still to go out when that was last looked at. */
  #unsent = 0
  /** The request that stands unread is to be served when no other is under way. */
  #alone = false
  /** The client has asked for more before it had its answer. */
  #asksAhead = false
  readonly gathered = new Gathered(this)
  #closed = false
  #released = false
  #refused = false

  constructor(socket: Socket, reading: Reading, host: ConnectionHost) {
    this.socket = socket
    this.#reading = reading
    this.#flow = new SocketFlow(socket)
    this.host = host
    this.dueTick = host.sweep.in(host.limits.headMs)
    host.sweep.add(this)
    reading.to((bytes) => this.#onData(bytes))
    socket.on('drain', () => {
      this.flows()
      this.queue[0]?.drained()
    })
    socket.on('error', (error) => this.#gone(error))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => {
      host.sweep.delete(this)
      this.#gone(new Error('the connection was closed'))
    })
  }

  get peer(): Peer {
    this.#peer ??= peerOf(this.socket)
    return this.#peer
  }

  get idle(): boolean {
    return this.queue.length === 0 && this.#rest === undefined
  }

  /** Answering, or lent to whoever took the socket over. */
  get busy(): boolean {
    return this.queue.length > 0 || this.#released
  }

  overdue(): void {
    // Who has said nothing at all yet is told, as in Node: he may wait for a greeting of another protocol.
    const finished = this.#linger >= 0 || (this.idle && this.requests > 0)
    if (this.#stalled && this.#moves()) return
    if (finished || this.#stalled) return void this.socket.destroy()
    this.#refuse(new WireError('head_timeout', 'the head came too slowly', 408))
  }

  /** What was written waits in the socket: the client has to take some of it in time. */
  stalled(): void {
    if (this.#linger >= 0) return
    this.#stalled = true
    this.#unsent = unsent(this.socket)
    this.dueTick = this.host.sweep.in(this.host.limits.stallMs)
  }

  /** A large answer is on its way, however long: who takes some of it is waited for. */
  #moves(): boolean {
    const before = this.#unsent
    this.#unsent = unsent(this.socket)
    if (this.#unsent >= before) return false
    this.dueTick = this.host.sweep.in(this.host.limits.stallMs)
    return true
  }

  /** It has gone out. */
  flows(): void {
    if (!this.#stalled) return
    this.#stalled = false
    this.dueTick = this.#headTick
    if (this.queue.length === 0 && !this.ending) this.#awaitNext()
  }

  #onData(bytes: Buffer): void {
    const { lingerBytes, headBytes } = this.host.limits
    if (this.#linger >= 0) {
      this.#linger += bytes.length
      if (this.#linger > lingerBytes) this.socket.destroy()
    } else if (this.ending && this.#decoder === undefined) {
      this.#behind += bytes.length
      // Read only so far as `#keep` would keep it, for the same reason.
      if (this.#behind >= headBytes) this.#flow.pause()
    } else {
      const rest = this.#rest
      this.#rest = undefined
      this.#read(rest === undefined ? bytes : Buffer.concat([rest, bytes]))
    }
  }

  /** Reads what is there: heads and bodies, one after the other. */
  #read(bytes: Buffer): void {
    if (this.requests === 0 && this.host.onPreface && startsPreface(bytes))
      return void this.#switch(bytes, this.host.onPreface)
    let at = 0
    try {
      while (at < bytes.length) {
        if (this.#decoder !== undefined) at = this.#readBody(bytes, at)
        else if (this.ending) return
        else {
          const next = this.#mayRead() ? this.#readHead(bytes, at) : -1
          if (next === -1) return void this.#keep(bytes, at)
          at = next
        }
        if (this.#released || this.#closed) return
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refuse(error)
    }
  }

  /** The whole preface is waited for; then the socket is its taker's, with what has come. */
  #switch(bytes: Buffer, take: (socket: Socket, reading: Reading, bytes: Buffer) => void): void {
    if (bytes.length < PREFACE_LENGTH) return void this.#keep(bytes, 0)
    this.release()
    take(this.socket, this.#reading, bytes)
  }

  /**
   * Behind a last request may stand what is no HTTP (an upgrade), and what the client does not expect to be done; and only safe
   * requests are served side by side (RFC 9112 §9.3.2).
   */
  #mayRead(): boolean {
    const { queue } = this
    const last = queue.at(-1)
    if (last === undefined) return true
    if (queue.length >= this.host.limits.pipelining || last.last || this.#alone) return false
    return SAFE_METHODS.has(last.head.method)
  }

  /** Returns the position after the head, or -1 when it has not all come. */
  #readHead(bytes: Buffer, start: number): number {
    const { limits } = this.host
    // RFC 9112 §2.2: an empty line before a request is ignored, as some clients end a body with one; a second is no request.
    if (bytes[start] === CR && bytes[start + 1] === LF && !this.#blank) {
      this.#blank = true
      this.#searched = 0
      return start + 2
    }
    const end = findHeadEnd(bytes, start, start + this.#searched, limits)
    if (end === -1) {
      if (this.#headTick === NEVER) this.#setHeadTick(this.host.sweep.in(limits.headMs))
      this.#searched = bytes.length - start
      return -1
    }
    this.#searched = 0
    this.#blank = false
    this.#setHeadTick(NEVER)
    const head = parseRequestHead(bytes, start, end, limits)
    if (this.queue.length > 0 && !SAFE_METHODS.has(head.method)) {
      this.#alone = true
      return -1
    }
    const exchange = new H1Exchange(this, head)
    if (head.upgrade !== undefined) return this.#beginUpgrade(exchange, bytes, end)
    const bodyEnd = end + head.framing
    const isWhole = head.framing > 0 && bodyEnd <= bytes.length
    // A small body that came with its head is whole before anybody looks at it.
    if (isWhole) exchange.body = wholeBody(this.#flow, this.#reading.keep(bytes.subarray(end, bodyEnd)))
    this.#begin(exchange)
    return isWhole ? bodyEnd : end
  }

  /** Whoever takes nothing of an answer has to do so in time, whatever he asks meanwhile. */
  #setHeadTick(tick: number): void {
    this.#headTick = tick
    if (!this.#stalled) this.dueTick = tick
  }

  #begin(exchange: H1Exchange): void {
    const { head } = exchange
    this.requests++
    this.queue.push(exchange)
    if (this.queue.length > 1) this.#asksAhead = true
    if (!head.keepAlive || this.requests >= this.host.limits.requestsPerConnection) exchange.closeAfter()
    if (head.framing !== 0 && exchange.body === undefined) {
      this.#decoder = bodyDecoder(head.framing, this.host.limits)
      this.#body = exchange.body = new Incoming(this.#flow)
    }
    this.host.onRequest(exchange)
  }

  /** What follows is for whoever takes the socket over; where nobody does, it need not be HTTP, and the connection ends. */
  #beginUpgrade(exchange: H1Exchange, bytes: Buffer, end: number): number {
    exchange.closeAfter()
    if (end < bytes.length) this.#rest = this.#reading.keep(bytes.subarray(end))
    this.#begin(exchange)
    return bytes.length
  }

  #readBody(bytes: Buffer, from: number): number {
    const decoder = this.#decoder!
    const body = this.#body!
    const at = decoder.feed(bytes, from, (data) => body.borrow(data, this.#reading))
    if (decoder.done) {
      this.#reading.calm()
      this.#decoder = undefined
      this.#body = undefined
      body.end(decoder.trailers)
      // Held back for the sake of a body that has come whole with the last bytes.
      this.#flow.resume()
    }
    return at
  }

  /** Bytes for later. Reading goes on until a head's worth is kept, as only who reads notices that the client goes. */
  #keep(bytes: Buffer, at: number): void {
    if (at >= bytes.length) return
    this.#rest = this.#reading.keep(at === 0 ? bytes : bytes.subarray(at))
    if (this.#decoder === undefined && !this.#mayRead() && this.#rest.length >= this.host.limits.headBytes)
      this.#flow.pause()
  }

  /** The body of `exchange` is still on its way in. */
  isReceiving(exchange: H1Exchange): boolean {
    return this.#decoder !== undefined && exchange.body === this.#body
  }

  /** The answer of the first exchange is out. */
  answered(exchange: H1Exchange): void {
    this.flows()
    const receiving = this.isReceiving(exchange)
    this.queue.shift()
    if (this.queue.length === 0 || exchange.last) this.gathered.flush()
    if (exchange.last || receiving || (this.ending && this.queue.length === 0)) return void this.#finish(receiving)
    const [next] = this.queue
    if (next !== undefined) next.flush()
    else this.#awaitNext()
    // The flush may have ended further answers, and the connection with them.
    if (this.ending || this.#closed) return
    if (this.host.draining && this.idle) return void this.socket.destroySoon()
    this.#readOn()
  }

  #awaitNext(): void {
    this.dueTick = this.#headTick === NEVER ? this.host.sweep.in(this.host.limits.keepAliveMs) : this.#headTick
  }

  /** Takes up what was left unread while earlier requests were answered. */
  #readOn(): void {
    const rest = this.#rest
    if (rest === undefined) return void this.#flow.resume()
    if (this.queue.length === 0) this.#alone = false
    this.#rest = undefined
    this.#searched = 0
    this.#flow.resume()
    this.#read(rest)
  }

  /** No request follows: closes when the client has the answer; with bytes still coming a close would reset it away. */
  #finish(receiving: boolean): void {
    this.ending = true
    if (!receiving && this.#rest === undefined && !this.#refused) return void this.socket.destroySoon()
    this.#decoder = undefined
    this.#body?.drop(new Error('the request was answered before its body was read'))
    this.#body = undefined
    this.#linger = this.#rest?.length ?? 0
    this.#rest = undefined
    this.dueTick = this.host.sweep.in(this.host.limits.lingerMs)
    this.socket.end()
    this.#flow.resume()
  }

  /** What came is no HTTP. It belongs to the request whose body is coming; else it is one of its own, behind those under way. */
  #refuse(error: WireError): void {
    this.ending = true
    this.#refused = true
    this.#rest = undefined
    this.#setHeadTick(NEVER)
    const exchange = this.queue.find((one) => this.isReceiving(one))
    if (exchange !== undefined) {
      const body = this.#body!
      this.#decoder = undefined
      this.#body = undefined
      exchange.closeAfter()
      this.host.onBodyRefused(exchange, error)
      body.fail(error)
    } else if (this.queue.length === 0) this.host.onRefused(this, error)
    else this.queue.at(-1)!.closeAfter()
  }

  /** An answer to what is no request; the connection ends with it. */
  answerRefusal(text: string): void {
    this.socket.write(text)
    this.#finish(false)
  }

  /** To who asks ahead by an end: a reset would take along the answers before this one, which are still on their way. */
  breakOff(tells: boolean): void {
    this.gathered.flush()
    if (tells && this.#asksAhead) this.#finish(true)
    else reset(this.socket)
  }

  /** Lets go of the socket: it is the taker's, with what came behind the head. */
  release(): Buffer {
    this.gathered.flush()
    this.#released = true
    this.queue.length = 0
    this.host.sweep.delete(this)
    // The other listeners find nothing to do any more.
    this.#reading.release(this.socket)
    this.#flow.release()
    return this.#rest ?? Buffer.alloc(0)
  }

  /**
   * The client sends no more. Whoever still waits for an answer is taken to have gone, as in Node and nginx; what is written
   * whole still goes out.
   */
  #onEnd(): void {
    if (this.#released) return
    this.ending = true
    this.gathered.flush()
    if (this.queue.length === 0) return void this.socket.destroySoon()
    if (this.queue.every(({ ended }) => ended)) return
    this.#gone(new Error('the client closed the connection'))
    this.socket.destroy()
  }

  #gone(error: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#body?.fail(error)
    this.gathered.gone(error)
    for (const exchange of this.queue.splice(0)) exchange.gone(error)
  }
}
