/** Bytes as frames (RFC 9113 §4.1), whole ones only: none is larger than 16 KiB. */
import { HELD_PIECES } from '../limits.ts'
import type { Reading } from '../reading.ts'
import { CODE, H2ConnectionError } from './codes.ts'

const HEAD_BYTES = 9
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** SETTINGS_MAX_FRAME_SIZE, as it is by default. */
const PAYLOAD_MAX = 16_384

export interface FrameSink {
  /** Nothing more is wanted. */
  readonly ending: boolean
  /** `payload` is the reading's. @throws H2ConnectionError */
  onFrame(type: number, flags: number, stream: number, payload: Buffer): void
}

export class FrameReader {
  readonly #sink: FrameSink
  readonly #reading: Reading
  /** Pieces of what is not whole, joined once it is: a client may send a byte at a time. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** Bytes from which on it is worth another look. */
  #needed = PREFACE.length
  #greeted = false

  constructor(sink: FrameSink, reading: Reading) {
    this.#sink = sink
    this.#reading = reading
  }

  /** In the middle of a frame. */
  get partial(): boolean {
    return this.#heldBytes > 0 || !this.#greeted
  }

  /** @throws H2ConnectionError */
  feed(piece: Buffer): void {
    const bytes = this.#joined(piece)
    if (bytes === undefined) return
    let at = this.#greeted ? 0 : this.#readPreface(bytes)
    this.#needed = HEAD_BYTES
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3)
      if (length > PAYLOAD_MAX) throw new H2ConnectionError(CODE.frameSize, 'a frame is larger than 16 KiB')
      const end = at + HEAD_BYTES + length
      if (end > bytes.length) {
        this.#needed = HEAD_BYTES + length
        break
      }
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff
      this.#sink.onFrame(bytes[at + 3]!, bytes[at + 4]!, stream, bytes.subarray(at + HEAD_BYTES, end))
      if (this.#sink.ending) return
      at = end
    }
    this.#hold(at === 0 ? bytes : bytes.subarray(at))
  }

  #joined(piece: Buffer): Buffer | undefined {
    if (this.#heldBytes === 0 && piece.length >= this.#needed) return piece
    this.#hold(piece)
    if (this.#heldBytes < this.#needed) return undefined
    const bytes = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return bytes
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#held.push(this.#reading.keep(bytes))
    this.#heldBytes += bytes.length
    // What a piece costs is not its bytes: a frame that came byte by byte took 5 MB.
    if (this.#held.length === HELD_PIECES) this.#held = [Buffer.concat(this.#held)]
  }

  #readPreface(bytes: Buffer): number {
    if (bytes.compare(PREFACE, 0, PREFACE.length, 0, PREFACE.length) !== 0)
      throw new H2ConnectionError(CODE.protocol, 'the client does not begin as HTTP/2 does')
    this.#greeted = true
    return PREFACE.length
  }
}
