/** Cuts the bytes behind a head into the body and what comes after it. */
import type { RawHeaders } from '../core/headers.ts'
import { ChunkedDecoder } from './chunked.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from './contract.ts'
import type { HeadLimits } from './limits.ts'

export interface BodyDecoder {
  readonly done: boolean
  readonly trailers: RawHeaders
  /** Gives the body's data in `bytes` from `from` on to `take`; returns the position after the body's bytes. @throws WireError */
  feed(bytes: Buffer, from: number, take: (data: Buffer) => void): number
}

export function bodyDecoder(framing: Framing, limits: HeadLimits): BodyDecoder {
  if (framing === CHUNKED) return new ChunkedDecoder(limits)
  return new LengthDecoder(framing === UNTIL_CLOSE ? Number.POSITIVE_INFINITY : framing)
}

class LengthDecoder implements BodyDecoder {
  readonly trailers: RawHeaders = []
  #left: number

  constructor(length: number) {
    this.#left = length
  }

  get done(): boolean {
    return this.#left === 0
  }

  feed(bytes: Buffer, from: number, take: (data: Buffer) => void): number {
    const end = Math.min(bytes.length, from + this.#left)
    if (end > from) {
      this.#left -= end - from
      take(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end))
    }
    return end
  }
}
