/** A connection of HTTP/2, the server's side (RFC 9113): the socket, its time-outs, and its end. */
import type { Socket } from 'node:net'
import { peerOf } from '../peer.ts'
import type { Reading } from '../reading.ts'
import type { Occupant } from '../sockets.ts'
import type { Sweep, Swept } from '../sweep.ts'
import { CODE, H2ConnectionError } from './codes.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { Output } from './output.ts'
import { Stall } from './stall.ts'
import { type H2Host, H2Streams } from './streams.ts'

const NEVER = Number.POSITIVE_INFINITY

export class H2Connection implements Occupant, Swept, FrameSink {
  dueTick: number
  /** Nothing that comes is looked at any more. */
  ending = false
  readonly #socket: Socket
  readonly #host: H2Host
  readonly #sweep: Sweep<Swept>
  readonly #output: Output
  readonly #streams: H2Streams
  readonly #reading: Reading
  readonly #reader: FrameReader
  /** The tick by which a connection without a stream ends. */
  #idleTick: number
  /** The tick by which what has begun must be whole; Infinity where nothing has. */
  #partialTick: number
  #lingered = 0

  constructor(
    socket: Socket,
    reading: Reading,
    host: H2Host,
    sweep: Sweep<Swept>,
    onClose: (connection: H2Connection) => void,
  ) {
    this.#socket = socket
    this.#reading = reading
    this.#reader = new FrameReader(this, reading)
    this.#host = host
    this.#sweep = sweep
    this.#output = new Output(socket)
    this.#streams = new H2Streams(peerOf(socket), reading, this.#output, host, () => this.#onQuiet())
    this.#idleTick = sweep.in(host.limits.keepAliveMs)
    this.dueTick = this.#partialTick = sweep.in(host.limits.headMs)
    sweep.add(this)
    const { stallMs } = host.limits
    const stall = stallMs === NEVER ? undefined : new Stall(sweep, stallMs, this.#streams.sending)
    reading.to((bytes) => this.take(bytes))
    socket.on('drain', () => this.#onDrain())
    socket.on('error', (error) => this.#gone(error))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => {
      sweep.delete(this)
      stall?.end()
      onClose(this)
      this.#gone(new Error('the connection was closed'))
    })
    this.#streams.greet()
  }

  get busy(): boolean {
    return this.#streams.size > 0
  }

  /** Takes no new streams; ends with those that it has. */
  drain(): void {
    if (this.#streams.draining || this.ending) return
    this.#streams.draining = true
    this.#streams.goaway(CODE.noError)
    if (!this.busy) this.#finish()
  }

  /** Resolves when the system has all that was written, or the connection is no more. */
  written(): Promise<void> {
    return this.#output.written()
  }

  onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    this.#streams.onFrame(type, flags, stream, payload)
  }

  overdue(): void {
    if (this.ending) return void this.#socket.destroy()
    if (this.#sweep.tick >= this.#partialTick)
      return void this.#fail(new H2ConnectionError(CODE.enhanceYourCalm, 'the client does not end what it has begun'))
    if (!this.busy && this.#sweep.tick >= this.#idleTick) return void this.drain()
    this.#setDue()
  }

  /** With a stream open its own time-outs hold. */
  #setDue(): void {
    this.dueTick = this.busy ? this.#partialTick : Math.min(this.#partialTick, this.#idleTick)
  }

  take(bytes: Buffer): void {
    if (this.ending) return void this.#linger(bytes.length)
    try {
      this.#reader.feed(bytes)
    } catch (error) {
      if (!(error instanceof H2ConnectionError)) throw error
      return void this.#fail(error)
    }
    if (this.ending) return
    this.#boundPartial()
    // For a client that takes nothing, what is written would grow with whatever it says.
    if (this.#output.full) this.#socket.pause()
  }

  /** Bounds the time of a head that has begun, and of a frame where there is no request whose own time-outs hold. */
  #boundPartial(): void {
    const { settled, partial } = this.#streams
    const isPartial = !settled || partial || (this.#reader.partial && !this.busy)
    if (isPartial === (this.#partialTick !== NEVER)) return
    this.#partialTick = isPartial ? this.#sweep.in(this.#host.limits.headMs) : NEVER
    this.#setDue()
  }

  /** From here on it is idle, whatever the client says without asking: PINGs would keep it for ever. */
  #onQuiet(): void {
    this.#reading.calm()
    if (this.#streams.draining) return void this.#finish()
    this.#idleTick = this.#sweep.in(this.#host.limits.keepAliveMs)
    this.#setDue()
  }

  #onDrain(): void {
    this.#socket.resume()
    this.#streams.sending.resume()
  }

  #fail(error: H2ConnectionError): void {
    this.#streams.goaway(error.code)
    this.#finish()
    this.#streams.lose(error)
    this.#socket.resume()
  }

  /** Ends once what is written has gone out; the client has a while to see it. */
  #finish(): void {
    if (this.ending) return
    this.ending = true
    this.#output.flush()
    this.#socket.end()
    this.dueTick = this.#sweep.in(this.#host.limits.lingerMs)
  }

  /** Read on: a close with bytes still coming would reset away what was said last. */
  #linger(bytes: number): void {
    this.#lingered += bytes
    if (this.#lingered > this.#host.limits.lingerBytes) this.#socket.destroy()
  }

  /** Both sides end together; Node ends ours. */
  #onEnd(): void {
    this.#finish()
    this.#gone(new Error('the client closed the connection'))
  }

  #gone(error: Error): void {
    this.ending = true
    this.#streams.lose(error)
  }
}
