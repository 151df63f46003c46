/**
 * The streams of a connection, and what each frame is to them (RFC 9113 §5, §6). What is wrong with one stream costs the client that
 * stream; what leaves the two sides of two minds costs it the connection.
 */
import type { Clock } from '../../core/clock.ts'
import type { Peer, ServerExchange } from '../contract.ts'
import { NO_HEAD, readTrailers } from '../h2-head.ts'
import type { ConnectionLimits } from '../limits.ts'
import type { Reading } from '../reading.ts'
import { WireError } from '../wire-error.ts'
import { BlockReader, type HeaderBlock, LENGTHS, unpadded } from './block-reader.ts'
import { CODE, FLAG, FRAME, H2ConnectionError } from './codes.ts'
import { Misuse } from './misuse.ts'
import type { Output } from './output.ts'
import { ReceiveWindow } from './receive-window.ts'
import { readRequestHead } from './request-head.ts'
import { SendWindow } from './send-window.ts'
import { ourSettings, readSettings } from './settings.ts'
import { H2Stream, STREAM_WINDOW_BYTES, type StreamConnection } from './stream.ts'

const H2_STREAMS_MAX = 100
/** Less is a way to have answers sent byte by byte (CVE-2019-9511). */
const WINDOW_STEP_BYTES = 256
const NO_BYTES = Buffer.alloc(0)

/** What they need of their server. */
export interface H2Host {
  readonly limits: ConnectionLimits
  readonly clock: Clock
  onRequest(exchange: ServerExchange): void
  /** A request that is none: `exchange` is there to answer it. */
  onRefusedStream(exchange: ServerExchange, error: WireError): void
}

export class H2Streams implements StreamConnection {
  readonly peer: Peer
  readonly output: Output
  readonly sending: SendWindow
  /** The client's first SETTINGS have come. */
  settled = false
  /** No new ones. */
  draining = false
  readonly #host: H2Host
  readonly #reading: Reading
  readonly #onQuiet: () => void
  readonly #receiving: ReceiveWindow
  readonly #blocks: BlockReader
  readonly #misuse: Misuse
  readonly #open = new Map<number, H2Stream>()
  /** The last one that was seen, and the last one that was begun. */
  #lastSeen = 0
  #lastBegun = 0

  /** `onQuiet`: the last one is over. */
  constructor(peer: Peer, reading: Reading, output: Output, host: H2Host, onQuiet: () => void) {
    this.peer = peer
    this.#reading = reading
    this.output = output
    this.#host = host
    this.#onQuiet = onQuiet
    this.sending = new SendWindow(output)
    this.#receiving = new ReceiveWindow(output)
    this.#blocks = new BlockReader(host.limits, reading)
    this.#misuse = new Misuse(host.clock)
  }

  get size(): number {
    return this.#open.size
  }

  /** In the middle of a head. */
  get partial(): boolean {
    return this.#blocks.partial
  }

  /** What a server says first. */
  greet(): void {
    this.output.settings(ourSettings(H2_STREAMS_MAX, STREAM_WINDOW_BYTES, this.#host.limits.headBytes))
    this.#receiving.open()
  }

  /** Tells the client that no new streams are taken. */
  goaway(code: number): void {
    this.output.goaway(this.#lastBegun, code)
  }

  /** The connection is no more. */
  lose(error: Error): void {
    const streams = [...this.#open.values()]
    this.#open.clear()
    for (const stream of streams) {
      this.sending.unblocked(stream)
      stream.lost(error)
    }
  }

  /** @throws H2ConnectionError */
  onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#blocks.partial && type !== FRAME.continuation)
      throw new H2ConnectionError(CODE.protocol, 'a head is interrupted by another frame')
    if (!this.settled && (type !== FRAME.settings || (flags & FLAG.ack) !== 0))
      throw new H2ConnectionError(CODE.protocol, 'the client does not begin with its SETTINGS')
    const length = LENGTHS[type]
    if (length !== undefined && payload.length !== length)
      throw new H2ConnectionError(CODE.frameSize, 'a frame is not as long as its type is')
    if (type === FRAME.headers) this.#onHeaders(flags, idOf(stream), payload)
    else if (type === FRAME.continuation) this.#onBlock(this.#blocks.onContinuation(flags, stream, payload))
    else if (type === FRAME.data) this.#onData(flags, idOf(stream), payload)
    else if (type === FRAME.windowUpdate) this.#onWindowUpdate(stream, payload.readUInt32BE(0) & 0x7fffffff)
    else if (type === FRAME.reset) this.#onReset(idOf(stream), payload.readUInt32BE(0))
    else if (type === FRAME.priority) this.#onPriority(idOf(stream), payload.readUInt32BE(0) & 0x7fffffff)
    else this.#onConnectionFrame(type, flags, stream, payload)
  }

  /** §5.5: unknown types are read over. */
  #onConnectionFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.#misuse.countIdle()
    if (type > FRAME.continuation) return
    if (stream !== 0 || type === FRAME.pushPromise)
      throw new H2ConnectionError(CODE.protocol, 'a frame stands where it may not')
    if (type === FRAME.settings) this.#onSettings(flags, payload)
    else if (type === FRAME.ping && (flags & FLAG.ack) === 0) this.output.acknowledge(FRAME.ping, payload)
    else if (type === FRAME.goaway && payload.length < 8)
      throw new H2ConnectionError(CODE.frameSize, 'GOAWAY is cut off')
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & FLAG.ack) !== 0) {
      if (payload.length > 0) throw new H2ConnectionError(CODE.frameSize, 'an acknowledgement has content')
      return
    }
    this.settled = true
    const { windowBytes, tableBytes } = readSettings(payload)
    if (tableBytes !== undefined) this.output.hpack.resize(tableBytes)
    this.output.acknowledge(FRAME.settings, NO_BYTES)
    if (windowBytes !== undefined) this.sending.resize(windowBytes, this.#open.values())
  }

  #onHeaders(flags: number, stream: number, payload: Buffer): void {
    if (stream % 2 === 0) throw new H2ConnectionError(CODE.protocol, 'a client opens streams of odd numbers')
    this.#onBlock(this.#blocks.onHeaders(flags, stream, payload))
  }

  /** However it is judged, it was read: the two sides' tables must stay the same. */
  #onBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return
    const { stream: id } = block
    const known = this.#open.get(id)
    if (known !== undefined) return void this.#onTrailers(known, block)
    if (id <= this.#lastSeen) return void this.#misuse.countLate(id)
    this.#lastSeen = id
    if (this.draining) this.#mistake(id, CODE.refusedStream)
    else if (block.selfish) this.#mistake(id, CODE.protocol)
    else if (this.#open.size >= H2_STREAMS_MAX) this.#mistake(id, CODE.refusedStream)
    else this.#begin(block)
  }

  #begin({ stream: id, fields, fault, ended }: HeaderBlock): void {
    this.#lastBegun = id
    try {
      if (fault !== undefined) throw fault
      const stream = new H2Stream(this, id, readRequestHead(fields, ended), ended, false)
      this.#open.set(id, stream)
      this.#host.onRequest(stream)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refuse(id, ended, error)
    }
  }

  /**
   * Of a refused stream nothing is read, and who does not take the refusal is not waited for. One that is no request, and not only too
   * large, is an error of its stream (§8.1.1), said behind the answer, which tells people why.
   */
  #refuse(id: number, ended: boolean, error: WireError): void {
    const stream = new H2Stream(this, id, NO_HEAD, ended, true)
    stream.malformed = error.status === 400
    if (stream.malformed) this.#misuse.countReset()
    this.#open.set(id, stream)
    this.#host.onRefusedStream(stream, error)
    if (!stream.done) this.#host.clock.after(this.#host.limits.lingerMs, () => stream.cancel(CODE.cancel))
  }

  #onTrailers(stream: H2Stream, { fields, fault, ended }: HeaderBlock): void {
    if (stream.ended) return void this.#mistake(stream.id, CODE.streamClosed)
    const isBad = !ended || fault !== undefined || fields.some((text, i) => i % 2 === 0 && text.startsWith(':'))
    const code = isBad ? CODE.protocol : stream.onEnd(readTrailers(fields))
    if (code !== undefined) this.#mistake(stream.id, code)
  }

  #onData(flags: number, id: number, payload: Buffer): void {
    const stream = this.#open.get(id)
    const ends = (flags & FLAG.endStream) !== 0
    this.#receiving.came(payload.length)
    const bytes = unpadded(flags, payload)
    if (bytes.length === 0 && !ends) this.#misuse.countIdle()
    if (stream === undefined || stream.ended) return void this.#onLateData(id, stream, payload.length)
    const code =
      stream.onData(bytes.length === 0 ? bytes : this.#reading.keep(bytes), payload.length, ends) ??
      (ends ? stream.onEnd([]) : undefined)
    if (code !== undefined) this.#mistake(id, code)
  }

  #onLateData(id: number, stream: H2Stream | undefined, length: number): void {
    this.#receiving.taken(length)
    this.#checkSeen(id)
    if (stream === undefined) this.#misuse.countLate(id)
    else this.#mistake(id, CODE.streamClosed)
  }

  #onWindowUpdate(id: number, bytes: number): void {
    if (id === 0) {
      if (bytes < WINDOW_STEP_BYTES) this.#misuse.countIdle()
      return void this.sending.open(bytes)
    }
    const stream = this.#open.get(id)
    if (stream === undefined || bytes < WINDOW_STEP_BYTES) this.#misuse.countIdle()
    if (stream === undefined) return void this.#checkSeen(id)
    const code = this.sending.openStream(stream, bytes)
    if (code !== undefined) this.#mistake(id, code)
  }

  #onReset(id: number, code: number): void {
    const stream = this.#open.get(id)
    this.#checkSeen(id)
    if (stream === undefined) return void this.#misuse.countIdle()
    this.#forget(stream)
    stream.lost(new Error(`the client reset the stream (code ${code})`))
    this.#misuse.countReset()
  }

  /** §5.3: nobody heeds it any more. RFC 7540 §5.3.1: none may depend on itself; one that is not there cannot be reset. */
  #onPriority(id: number, dependency: number): void {
    this.#misuse.countIdle()
    if (dependency !== id) return
    if (!this.#open.has(id)) throw new H2ConnectionError(CODE.protocol, 'a stream depends on itself')
    this.#mistake(id, CODE.protocol)
  }

  #checkSeen(id: number): void {
    if (id > this.#lastSeen || id % 2 === 0) throw new H2ConnectionError(CODE.protocol, 'a stream has not begun')
  }

  /** Costs the client the stream. */
  #mistake(id: number, code: number): void {
    const stream = this.#open.get(id)
    if (stream === undefined) this.#leaveOut(id, code)
    else stream.cancel(code)
    this.#misuse.countReset()
  }

  #leaveOut(id: number, code: number): void {
    this.output.number(FRAME.reset, id, code)
    this.#misuse.remember(id)
  }

  // What streams ask for.

  taken(bytes: number): void {
    this.#receiving.taken(bytes)
  }

  reopen(stream: H2Stream, bytes: number): void {
    this.output.number(FRAME.windowUpdate, stream.id, bytes)
  }

  reset(stream: H2Stream, code: number): void {
    if (!this.#open.has(stream.id)) return
    this.#leaveOut(stream.id, code)
    this.#forget(stream)
  }

  linger(stream: H2Stream): void {
    this.#host.clock.after(this.#host.limits.lingerMs, () => stream.stop())
  }

  over(stream: H2Stream): void {
    this.#forget(stream)
  }

  #forget(stream: H2Stream): void {
    if (!this.#open.delete(stream.id)) return
    this.sending.unblocked(stream)
    this.#receiving.taken(stream.settle())
    if (this.#open.size === 0) this.#onQuiet()
  }
}

/** §5.1.1: frames of streams are of one. */
function idOf(stream: number): number {
  if (stream === 0) throw new H2ConnectionError(CODE.protocol, 'a frame is of no stream')
  return stream
}
