/** What we take of all bodies together (RFC 9113 §5.2), so that many streams do not hold more than one connection may. */
import { CODE, FRAME, H2ConnectionError } from './codes.ts'
import type { Output } from './output.ts'

const WINDOW_BYTES = 1024 * 1024
/** So much is worth a frame; more would be missed where the rest is held back. */
const REPORT_BYTES = 64 * 1024
/** What it is before anybody has said anything. */
const DEFAULT_BYTES = 65_535

export class ReceiveWindow {
  readonly #output: Output
  /** Bytes that came and for which the client was given no others. */
  #owed = 0
  /** Of these, what nobody holds back any more. */
  #taken = 0

  constructor(output: Output) {
    this.#output = output
  }

  /** Tells the client how large it is. */
  open(): void {
    this.#output.number(FRAME.windowUpdate, 0, WINDOW_BYTES - DEFAULT_BYTES)
  }

  /** Bytes have come. @throws H2ConnectionError */
  came(bytes: number): void {
    this.#owed += bytes
    if (this.#owed > WINDOW_BYTES) throw new H2ConnectionError(CODE.flowControl, 'more has come than was asked for')
  }

  /** So many are not held back any more. */
  taken(bytes: number): void {
    this.#taken += bytes
    if (this.#taken < REPORT_BYTES) return
    this.#output.number(FRAME.windowUpdate, 0, this.#taken)
    this.#owed -= this.#taken
    this.#taken = 0
  }
}
