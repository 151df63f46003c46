/**
 * Memory for answers that are noted while they pass, all routes together: without a bound many large ones at the same time would
 * take any amount of it. One that would go beyond it passes all the same, and is not kept.
 */

/** What a piece costs beside its bytes: answers may come a byte at a time. */
const PIECE_BYTES = 128

export class NotingBudget {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False where there is not as much left. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false
    this.#bytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** One answer's pieces, until they are put together or are too many. */
export class Note {
  readonly #budget: NotingBudget
  readonly #maxBytes: number
  readonly #length: number | undefined
  #pieces: Uint8Array[] | undefined
  #bytes = 0
  /** Of the budget. */
  #taken = 0

  /** `length` is that of the whole, where it is known. */
  constructor(budget: NotingBudget, maxBytes: number, length?: number) {
    this.#budget = budget
    this.#maxBytes = maxBytes
    this.#length = length
    if (length === undefined || length <= maxBytes) this.#pieces = []
  }

  get isOpen(): boolean {
    return this.#pieces !== undefined
  }

  /** It is about to come. Where the length is known there is room for all of it or it is not noted: half of it is of no use. */
  begin(): void {
    if (this.isOpen && this.#length !== undefined && !this.#take(this.#length)) this.drop()
  }

  add(piece: Uint8Array): void {
    if (this.#pieces === undefined) return
    this.#bytes += piece.length
    const wanted = this.#bytes + this.#pieces.length * PIECE_BYTES
    const fits = this.#bytes <= this.#maxBytes && (wanted <= this.#taken || this.#take(wanted - this.#taken))
    if (fits) this.#pieces.push(piece)
    else this.drop()
  }

  /** All of it; undefined where it was too much. */
  finish(): Uint8Array | undefined {
    const whole = this.#pieces && joined(this.#pieces, this.#bytes)
    this.drop()
    return whole
  }

  /** Idempotent. */
  drop(): void {
    this.#pieces = undefined
    this.#budget.giveBack(this.#taken)
    this.#taken = 0
  }

  #take(bytes: number): boolean {
    const isTaken = this.#budget.take(bytes)
    if (isTaken) this.#taken += bytes
    return isTaken
  }
}

/** In memory of its own: of what it shared, it would keep all. */
function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
