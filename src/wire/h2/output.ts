/**
 * Frames on their way out: put one behind the other into a buffer, and written with one system call at the end of the turn of the
 * event loop, whosever they are. The call is what an answer costs most.
 */
import type { Socket } from 'node:net'
import { FLAG, FRAME } from './codes.ts'
import { HpackEncoder } from './hpack-encoder.ts'

const HEAD_BYTES = 9
/** What every client takes (RFC 9113 §4.2). */
export const PAYLOAD_MAX = 16_384
const BUFFER_BYTES = 64 * 1024
/**
 * What waits, and what TLS is given, is somebody else's for a while. Less than this is copied for it; more gets the buffer itself, as
 * long as it takes: a new one each time costs more than all the rest.
 */
const LENT_BYTES = 8 * 1024

/** Buffers that nobody uses: an idle connection has none. */
const spare: Buffer[] = []
const SPARE_MAX = 16

export class Output {
  readonly #socket: Socket
  #buffer: Buffer | undefined
  #at = 0
  /** Blocks must be sent in the order in which they were made. */
  readonly hpack = new HpackEncoder()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** The client takes less than it is given: hold back until the socket drains. */
  get full(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** `block` is what `hpack` has just made. */
  headers(stream: number, block: string, ends: boolean): void {
    const ending = ends ? FLAG.endStream : 0
    if (block.length <= PAYLOAD_MAX) return void this.#text(FRAME.headers, ending | FLAG.endHeaders, stream, block)
    this.#text(FRAME.headers, ending, stream, block.slice(0, PAYLOAD_MAX))
    for (let at = PAYLOAD_MAX; at < block.length; at += PAYLOAD_MAX) {
      const last = at + PAYLOAD_MAX >= block.length ? FLAG.endHeaders : 0
      this.#text(FRAME.continuation, last, stream, block.slice(at, at + PAYLOAD_MAX))
    }
  }

  /** No more than `PAYLOAD_MAX` of `bytes`, which are copied. */
  data(stream: number, bytes: Uint8Array, ends: boolean): void {
    const buffer = this.#frame(bytes.length, FRAME.data, ends ? FLAG.endStream : 0, stream)
    buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** RST_STREAM or WINDOW_UPDATE. */
  number(type: number, stream: number, value: number): void {
    this.#frame(4, type, 0, stream)
    this.#word(value)
  }

  /** SETTINGS, of pairs. */
  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#frame(pairs.length * 6, FRAME.settings, 0, 0)
    for (const [id, value] of pairs) {
      this.#at = this.#buffer!.writeUInt16BE(id, this.#at)
      this.#word(value)
    }
  }

  /** That of SETTINGS is empty, that of a PING what came with it. */
  acknowledge(type: number, payload: Buffer): void {
    const buffer = this.#frame(payload.length, type, FLAG.ack, 0)
    buffer.set(payload, this.#at)
    this.#at += payload.length
  }

  goaway(lastStream: number, code: number): void {
    this.#frame(8, FRAME.goaway, 0, 0)
    this.#word(lastStream)
    this.#word(code)
  }

  flush(): void {
    const length = this.#at
    if (length === 0) return
    const socket = this.#socket
    const buffer = this.#buffer!
    this.#at = 0
    this.#buffer = undefined
    if (socket.destroyed || socket.writableEnded) return void keep(buffer)
    const bytes = buffer.subarray(0, length)
    if (socket.writableLength === 0 && !('encrypted' in socket)) {
      socket.write(bytes)
      // Else the system has not taken all of it, and the buffer is not ours any more.
      if (socket.writableLength === 0) keep(buffer)
    } else if (length >= LENT_BYTES) socket.write(bytes, () => keep(buffer))
    else {
      socket.write(Buffer.from(bytes))
      keep(buffer)
    }
  }

  /** Resolves when the system has all of it, or the socket is no more. */
  written(): Promise<void> {
    this.flush()
    const socket = this.#socket
    if (socket.destroyed || socket.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      socket.once('close', resolve)
      if (socket.writableEnded) socket.once('finish', resolve)
      else socket.write('', () => resolve())
    })
  }

  #text(type: number, flags: number, stream: number, text: string): void {
    const buffer = this.#frame(text.length, type, flags, stream)
    this.#at += buffer.write(text, this.#at, 'latin1')
  }

  /** The head of a frame, and room for its payload. */
  #frame(length: number, type: number, flags: number, stream: number): Buffer {
    if (this.#at + HEAD_BYTES + length > BUFFER_BYTES) this.flush()
    if (this.#buffer === undefined) {
      this.#buffer = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
      setImmediate(flush, this)
    }
    const buffer = this.#buffer
    const at = this.#at
    buffer[at] = length >>> 16
    buffer[at + 1] = length >>> 8
    buffer[at + 2] = length
    buffer[at + 3] = type
    buffer[at + 4] = flags
    this.#at = at + 5
    this.#word(stream)
    return buffer
  }

  #word(value: number): void {
    const buffer = this.#buffer!
    const at = this.#at
    buffer[at] = value >>> 24
    buffer[at + 1] = value >>> 16
    buffer[at + 2] = value >>> 8
    buffer[at + 3] = value
    this.#at = at + 4
  }
}

function flush(output: Output): void {
  output.flush()
}

function keep(buffer: Buffer): void {
  if (spare.length < SPARE_MAX) spare.push(buffer)
}
