/** HEADERS and the CONTINUATIONs behind it as one header block (RFC 9113 §6.2, §6.10), read. */
import type { Reading } from '../reading.ts'
import { CODE, FLAG, FRAME, H2ConnectionError } from './codes.ts'
import { type Block, type BlockLimits, HpackDecoder } from './hpack-decoder.ts'

/** A block is 16 KiB a frame; more of them are sent by nobody but who wants to keep us busy (CVE-2024-27316). */
const CONTINUATIONS_MAX = 8

export interface HeaderBlock extends Block {
  readonly stream: number
  /** END_STREAM: no body follows. */
  readonly ended: boolean
  /** It says that its stream depends on itself (§5.3.1). */
  readonly selfish: boolean
}

export class BlockReader {
  readonly #decoder: HpackDecoder
  readonly #reading: Reading
  #pieces: Buffer[] = []
  #stream = 0
  #ended = false
  #selfish = false

  constructor(limits: BlockLimits, reading: Reading) {
    this.#reading = reading
    this.#decoder = new HpackDecoder(limits)
  }

  /** In the middle of a block: nothing else may come. */
  get partial(): boolean {
    return this.#stream !== 0
  }

  /** The block, where it is whole. @throws H2ConnectionError */
  onHeaders(flags: number, stream: number, payload: Buffer): HeaderBlock | undefined {
    const content = unpadded(flags, payload)
    const prioritized = (flags & FLAG.priority) !== 0
    if (prioritized && content.length < 5) throw new H2ConnectionError(CODE.frameSize, 'HEADERS are too short')
    this.#ended = (flags & FLAG.endStream) !== 0
    this.#selfish = prioritized && (content.readUInt32BE(0) & 0x7fffffff) === stream
    return this.#add(flags, stream, prioritized ? content.subarray(5) : content)
  }

  /** @throws H2ConnectionError */
  onContinuation(flags: number, stream: number, payload: Buffer): HeaderBlock | undefined {
    if (stream !== this.#stream || stream === 0)
      throw new H2ConnectionError(CODE.protocol, 'a CONTINUATION continues nothing')
    if (this.#pieces.length > CONTINUATIONS_MAX)
      throw new H2ConnectionError(CODE.enhanceYourCalm, 'a head has too many CONTINUATIONs')
    return this.#add(flags, stream, payload)
  }

  #add(flags: number, stream: number, content: Buffer): HeaderBlock | undefined {
    if ((flags & FLAG.endHeaders) === 0) {
      this.#stream = stream
      this.#pieces.push(this.#reading.keep(content))
      return undefined
    }
    const whole = this.#pieces.length === 0 ? content : Buffer.concat([...this.#pieces, content])
    this.#stream = 0
    this.#pieces = []
    const { fields, fault } = this.#decoder.read(whole)
    return { fields, fault, stream, ended: this.#ended, selfish: this.#selfish }
  }
}

/** Without its padding (§6.1). @throws H2ConnectionError */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & FLAG.padded) === 0) return payload
  const padding = payload[0]
  if (padding === undefined || padding >= payload.length)
    throw new H2ConnectionError(CODE.protocol, 'a frame is padded with more than it has')
  return payload.subarray(1, payload.length - padding)
}

/** What a frame of that type must be; undefined where it may have any length, or is unknown. */
export const LENGTHS: Readonly<Record<number, number | undefined>> = {
  [FRAME.priority]: 5,
  [FRAME.reset]: 4,
  [FRAME.ping]: 8,
  [FRAME.windowUpdate]: 4,
}
