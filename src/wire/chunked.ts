/** The chunked coding (RFC 9112 §7.1), both ways. The decoder is a walk that can stop at any byte and go on with the next. */
import { hexValue, VALUE } from './characters.ts'
import { parseTrailers } from './head.ts'
import { CHUNK_EXTENSION_BYTES, CHUNK_EXTENSIONS_BYTES, CHUNK_SIZE_DIGITS, type HeadLimits } from './limits.ts'
import { WireError } from './wire-error.ts'

const CR = 13
const LF = 10
const SEMICOLON = 59

/** Where the walk stands. */
type Place = 'size' | 'extension' | 'size-end' | 'data' | 'data-end' | 'data-end-lf' | 'trailers' | 'done'

export class ChunkedDecoder {
  trailers: readonly string[] = []
  readonly #limits: HeadLimits
  #place: Place = 'size'
  #digits = 0
  /** Of the chunk, bytes still to come. */
  #left = 0
  #extension = 0
  #extensions = 0
  #trailer: number[] = []

  constructor(limits: HeadLimits) {
    this.#limits = limits
  }

  get done(): boolean {
    return this.#place === 'done'
  }

  /**
   * Takes what belongs to the body from `bytes` at `from` on, and gives data to `take`. Returns the position after it.
   * @throws WireError
   */
  feed(bytes: Buffer, from: number, take: (data: Buffer) => void): number {
    let at = from
    while (at < bytes.length && this.#place !== 'done') {
      at = this.#place === 'data' ? this.#data(bytes, at, take) : this.#byte(bytes[at]!, at)
    }
    return at
  }

  #data(bytes: Buffer, at: number, take: (data: Buffer) => void): number {
    const end = Math.min(bytes.length, at + this.#left)
    take(bytes.subarray(at, end))
    this.#left -= end - at
    if (this.#left === 0) this.#place = 'data-end'
    return end
  }

  #byte(byte: number, at: number): number {
    switch (this.#place) {
      case 'size':
        this.#size(byte)
        break
      case 'extension':
        this.#extend(byte)
        break
      case 'size-end':
        expect(byte, LF)
        this.#sizeKnown()
        break
      case 'data-end':
        expect(byte, CR)
        this.#place = 'data-end-lf'
        break
      case 'data-end-lf':
        expect(byte, LF)
        this.#place = 'size'
        break
      case 'trailers':
        this.#trail(byte)
        break
    }
    return at + 1
  }

  /** chunk-size = 1*HEXDIG: no sign, no `0x`, no blank around it. */
  #size(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      if (++this.#digits > CHUNK_SIZE_DIGITS) throw malformed('chunk_size', 'the size of a chunk has too many digits')
      this.#left = this.#left * 16 + value
    } else if (this.#digits === 0) throw malformed('chunk_size', 'the size of a chunk is no hex number')
    else if (byte === CR) this.#place = 'size-end'
    else if (byte === SEMICOLON) this.#place = 'extension'
    else throw malformed('chunk_size', 'the size of a chunk is no hex number')
  }

  /** Extensions are read over (§7.1.1: a recipient must ignore those it does not know). */
  #extend(byte: number): void {
    if (byte === CR) this.#place = 'size-end'
    else if (VALUE[byte] !== 1) throw malformed('chunk_extension', 'a chunk extension has a control character')
    else if (++this.#extension > CHUNK_EXTENSION_BYTES || ++this.#extensions > CHUNK_EXTENSIONS_BYTES)
      throw malformed('chunk_extension', 'the chunk extensions are too long')
  }

  #sizeKnown(): void {
    this.#place = this.#left === 0 ? 'trailers' : 'data'
    this.#digits = 0
    this.#extension = 0
  }

  /** Trailer fields are kept until their empty line, then read like a head's. */
  #trail(byte: number): void {
    const kept = this.#trailer
    kept.push(byte)
    if (kept.length > this.#limits.headBytes)
      throw new WireError('trailers_too_large', 'the trailers are too large', 431)
    if (byte !== LF) return
    if (kept.at(-2) !== CR) throw malformed('line_end', 'a line does not end in CRLF')
    if (kept.length !== 2 && kept.at(-3) !== LF) return
    if (kept.length > 2) this.trailers = parseTrailers(Buffer.from(kept), this.#limits)
    this.#trailer = []
    this.#place = 'done'
  }
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw malformed('chunk_end', 'a chunk does not end where its size says')
}

function malformed(reason: string, message: string): WireError {
  return new WireError(reason, message)
}

/** What stands before a chunk of `length` bytes; `\r\n` stands behind it. */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`
}

export const CHUNK_END = '\r\n'
export const LAST_CHUNK = '0\r\n\r\n'
