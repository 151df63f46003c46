/** As many as are kept while nobody uses them. */
const FREE_MAX = 64

/** Buffers of one size, used again and again: to make new ones for all that passes would keep the collector of garbage busy. */
export class Stock {
  readonly bytes: number
  readonly #free: Buffer[] = []

  constructor(bytes: number) {
    this.bytes = bytes
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
  }

  /** Nobody may look at it any more. */
  put(buffer: Buffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer)
  }
}
