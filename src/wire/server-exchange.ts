/** One request of an HTTP/1.1 connection and its answer. Answers of later requests wait here until the earlier ones are out. */
import type { Socket } from 'node:net'
import { asBuffer } from '../core/bytes.ts'
import type { RawHeaders } from '../core/headers.ts'
import type { Done } from './body.ts'
import { CHUNK_END, chunkStart, LAST_CHUNK } from './chunked.ts'
import {
  CHUNKED,
  type ExchangeObserver,
  type Framing,
  type Peer,
  type RequestHead,
  type ServerExchange,
  UNTIL_CLOSE,
} from './contract.ts'
import type { Gathered, Handing } from './gathered.ts'
import type { Incoming } from './incoming.ts'
import { NOBODY } from './nobody.ts'
import { writeTogether } from './one-write.ts'
import { WireError } from './wire-error.ts'
import { responseHead } from './write.ts'

/** What an exchange needs of its connection. */
export interface ExchangeConnection {
  readonly socket: Socket
  readonly peer: Peer
  readonly queue: H1Exchange[]
  readonly host: { readonly draining: boolean }
  /** True once nothing more will be read as a request. */
  readonly ending: boolean
  isReceiving(exchange: H1Exchange): boolean
  answered(exchange: H1Exchange): void
  /** What was written has not gone out. */
  stalled(): void
  /** To be flushed before anything else is written. */
  readonly gathered: Gathered
  release(): Buffer
  /** The answer whose turn it is breaks off; `tells`: by its form, who reads it knows. */
  breakOff(tells: boolean): void
}

/** Up to this, head and body go out as one string: Node writes that without an allocation, bytes. */
const ONE_WRITE_BYTES = 16 * 1024
/** The same for a whole answer, of which both can be copied into one buffer. */
const SMALL_BYTES = 2 * 1024

type Stage = 'waiting' | 'body' | 'ended' | 'done' | 'broken' | 'gone'

export class H1Exchange implements ServerExchange, Handing {
  readonly head: RequestHead
  readonly connection: ExchangeConnection
  body: Incoming | undefined
  observer: ExchangeObserver = NOBODY
  /** The connection ends with this answer. */
  last = false
  #stage: Stage = 'waiting'
  /** The final head is out. */
  #begun = false
  #framing: Framing = 0
  /** Bytes of a body of known length that are still to be written. */
  #left = 0
  /** HEAD, 204, 304: what is written of a body is dropped. */
  #bodiless = false
  /** What waits for earlier answers. */
  #waiting: (string | Uint8Array)[] | undefined
  /** Its connection writes it with others. */
  #gathered = false
  /** Its last byte is out of its hands, and it will hear when the system has it. */
  #isTold = false

  constructor(connection: ExchangeConnection, head: RequestHead) {
    this.connection = connection
    this.head = head
  }

  get peer(): Peer {
    return this.connection.peer
  }

  get answered(): boolean {
    return this.#begun
  }

  get done(): boolean {
    return this.#stage === 'done'
  }

  /** The answer is written whole, though the system may not have it yet. */
  get ended(): boolean {
    return this.#stage === 'ended'
  }

  /** Those behind it that were begun are still answered. */
  closeAfter(): void {
    const last = this.connection.queue.at(-1) ?? this
    last.last = true
  }

  sendContinue(): void {
    if (this.#stage === 'waiting' && this.head.version === '1.1') this.#put('HTTP/1.1 100 Continue\r\n\r\n')
  }

  send(status: number, fields: RawHeaders, body: string | Uint8Array | undefined, done?: Done): void {
    if (this.#isLost()) return
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
    const head = this.#headText(status, fields, lengthLine(status, length))
    this.#stage = 'ended'
    if (body === undefined || length === 0 || this.#isBodiless(status)) this.#putWhole(head)
    else this.#putBoth(head, body, length, done)
    this.#over()
  }

  begin(status: number, fields: RawHeaders, framing: Framing): void {
    if (this.#isLost()) return
    const bodiless = this.#isBodiless(status)
    const actual = framing === CHUNKED && this.head.version === '1.0' ? UNTIL_CLOSE : framing
    // RFC 9110 §8.6: the answer to HEAD may tell the length that GET would have; nothing is told where it is not known.
    const line = actual >= 0 ? lengthLine(status, actual) : actual === CHUNKED && !bodiless ? CHUNKED_LINE : ''
    if (actual === UNTIL_CLOSE) this.last = true
    const text = this.#headText(status, fields, line)
    this.#stage = 'body'
    this.#framing = bodiless ? 0 : actual
    this.#left = bodiless ? 0 : Math.max(0, actual)
    this.#bodiless = bodiless
    this.#put(text)
  }

  write(bytes: Uint8Array, done?: Done): boolean {
    if (this.#stage !== 'body' || bytes.length === 0 || this.#bodiless) return true
    if (this.#framing >= 0) {
      if (bytes.length > this.#left) throw new WireError('body_too_long', 'the body is longer than its Content-Length')
      this.#left -= bytes.length
      return this.#put(bytes, done)
    }
    return this.#framing === CHUNKED ? this.#putChunk(bytes, done) : this.#put(bytes, done)
  }

  /** @throws WireError when Content-Length said more. */
  end(): void {
    if (this.#stage !== 'body') return
    if (this.#left > 0) throw new WireError('body_too_short', 'the body is shorter than its Content-Length')
    this.#stage = 'ended'
    if (this.#framing === CHUNKED) this.#put(LAST_CHUNK)
    this.#over()
  }

  reset(): void {
    const { queue } = this.connection
    if (this.#stage !== 'done') this.#stage = 'broken'
    this.#waiting = undefined
    // Those before it are still answered.
    if (queue.length === 0 || queue[0] === this) this.connection.breakOff(this.#framing !== UNTIL_CLOSE)
  }

  upgrade(fields: RawHeaders): { readonly stream: Socket; readonly head: Buffer } {
    const head = responseHead(101, fields, `upgrade: ${this.head.upgrade}\r\nconnection: Upgrade\r\n`)
    this.#stage = 'done'
    const { socket } = this.connection
    const early = this.connection.release()
    socket.write(head, 'latin1')
    return { stream: socket, head: early }
  }

  // The connection's side.

  drained(): void {
    if (this.#stage === 'body') this.observer.drained()
  }

  /** Its turn has come. */
  flush(): void {
    if (this.#stage === 'broken') return void this.connection.breakOff(true)
    const { socket } = this.connection
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting?.length === 1 && this.#stage === 'ended' && typeof waiting[0] === 'string') this.#putWhole(waiting[0])
    else if (waiting !== undefined) {
      this.connection.gathered.flush()
      socket.cork()
      for (const part of waiting) write(socket, part)
      process.nextTick(() => socket.uncork())
    }
    if (this.#stage === 'ended') this.#handedOver()
    else if (waiting !== undefined) this.drained()
  }

  gone(error: Error): void {
    if (this.#stage === 'done' || this.#stage === 'gone') return
    this.#stage = 'gone'
    this.observer.gone(error)
  }

  /** Nobody takes an answer any more. */
  #isLost(): boolean {
    return this.#stage === 'gone' || this.#stage === 'broken'
  }

  #headText(status: number, fields: RawHeaders, framingLine: string): string {
    if (this.#begun) throw new Error('the answer has begun already')
    const { connection } = this
    const ends = connection.isReceiving(this) || connection.ending || connection.host.draining
    // Those behind it that were begun are still answered.
    if (ends && connection.queue.at(-1) === this) this.last = true
    const keep = this.last ? CLOSE_LINE : this.head.version === '1.0' ? KEEP_ALIVE_LINE : ''
    const text = responseHead(status, fields, framingLine + keep)
    this.#begun = true
    return text
  }

  #isBodiless(status: number): boolean {
    return this.head.method === 'HEAD' || noBodyEver(status)
  }

  #putBoth(head: string, body: string | Uint8Array, length: number, done: Done | undefined): void {
    if (head.length + length > SMALL_BYTES) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      if (this.connection.queue[0] === this) return void this.#putNow(head, bytes, done)
      this.#put(head)
      this.#put(bytes)
    } else if (typeof body !== 'string') this.#putWhole(head + asBuffer(body).toString('latin1'))
    else if (length === body.length) this.#putWhole(head + body)
    else this.#putWhole(head + Buffer.from(body).toString('latin1'))
  }

  /** All of an answer. */
  #putWhole(text: string): void {
    const { connection } = this
    const isNext = connection.queue[0] === this
    this.#gathered = isNext && connection.gathered.take(text, this)
    if (this.#gathered) return
    if (isNext && 'encrypted' in connection.socket) this.#putLast(text)
    else this.#put(text)
  }

  /** To TLS, which always takes its time: so it is asked at once to tell when it is done. */
  #putLast(text: string): void {
    this.#isTold = true
    this.connection.gathered.flush()
    this.connection.socket.write(text, 'latin1', (error) => {
      if (!error) this.#finish()
    })
  }

  #putNow(head: string, body: Uint8Array, done: Done | undefined): void {
    this.connection.gathered.flush()
    if (!writeTogether(this.connection.socket, head, body, done)) this.connection.stalled()
  }

  #putChunk(bytes: Uint8Array, done: Done | undefined): boolean {
    if (bytes.length <= ONE_WRITE_BYTES)
      return this.#put(chunkStart(bytes.length) + asBuffer(bytes).toString('latin1') + CHUNK_END)
    const { socket } = this.connection
    socket.cork()
    this.#put(chunkStart(bytes.length))
    this.#put(bytes, done)
    const more = this.#put(CHUNK_END)
    socket.uncork()
    return more
  }

  #put(part: string | Uint8Array, done?: Done): boolean {
    const { connection } = this
    if (connection.queue[0] === this) {
      connection.gathered.flush()
      const more = write(connection.socket, part, done)
      if (!more) connection.stalled()
      return more
    }
    this.#waiting ??= []
    this.#waiting.push(part)
    return false
  }

  #over(): void {
    if (this.connection.queue[0] === this) this.#handedOver()
  }

  /** The last byte was given to the socket; done once the socket has given it to the system. */
  #handedOver(): void {
    const { connection } = this
    if (this.#gathered) return void connection.answered(this)
    // It takes what is written without a word, as if that had gone out; `gone` is told when it has closed.
    if (connection.socket.destroyed) return
    if (connection.socket.writableLength === 0) return void this.#finish()
    connection.stalled()
    if (this.#isTold) return
    connection.socket.write('', (error) => {
      // Of a failed socket, `gone` is told.
      if (!error) this.#finish()
    })
  }

  #finish(): void {
    if (this.#stage !== 'ended') return
    this.#stage = 'done'
    this.connection.answered(this)
    this.observer.done()
  }

  delivered(): void {
    if (this.#stage !== 'ended') return
    this.#stage = 'done'
    this.observer.done()
  }
}

const CHUNKED_LINE = 'transfer-encoding: chunked\r\n'
const CLOSE_LINE = 'connection: close\r\n'
const KEEP_ALIVE_LINE = 'connection: keep-alive\r\n'

/** RFC 9110 §8.6: no Content-Length with 1xx and 204. */
function lengthLine(status: number, length: number): string {
  return status === 204 || status < 200 || (status === 304 && length === 0) ? '' : `content-length: ${length}\r\n`
}

function noBodyEver(status: number): boolean {
  return status === 204 || status === 304 || status < 200
}

function write(socket: Socket, part: string | Uint8Array, done?: Done): boolean {
  return typeof part === 'string' ? socket.write(part, 'latin1') : socket.write(part, done)
}
