/** Requests of the last second, from the gateway's access lines: for the status line. */
import type { Clock } from '../../core/clock.ts'

const WINDOW_MS = 1000
/** Where nobody reads, as no terminal is there, this many more are kept than those of the last second. */
const SPARE = 1000

export class Rates {
  readonly #clock: Clock
  /** Oldest first. */
  #seen: { readonly at: number; readonly failed: boolean }[] = []
  /** At this many the old ones are forgotten. */
  #full = SPARE

  constructor(clock: Clock) {
    this.#clock = clock
  }

  count(status: number): void {
    if (this.#seen.push({ at: this.#clock.monotonic(), failed: status >= 500 }) < this.#full) return
    this.#forget()
    this.#full = this.#seen.length + SPARE
  }

  /** How many are remembered. */
  get size(): number {
    return this.#seen.length
  }

  #forget(): void {
    const from = this.#clock.monotonic() - WINDOW_MS
    const first = this.#seen.findIndex(({ at }) => at > from)
    this.#seen = first < 0 ? [] : this.#seen.slice(first)
  }

  read(): { readonly requests: number; readonly failed: number } {
    this.#forget()
    return { requests: this.#seen.length, failed: this.#seen.filter(({ failed }) => failed).length }
  }
}
