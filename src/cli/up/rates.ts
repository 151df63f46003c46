/** Requests of the last second, from the gateway's access lines: for the status line. */
import type { Clock } from '../../core/clock.ts'

const WINDOW_MS = 1000

export class Rates {
  readonly #clock: Clock
  /** Oldest first. */
  #seen: { readonly at: number; readonly failed: boolean }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  count(status: number): void {
    this.#seen.push({ at: this.#clock.monotonic(), failed: status >= 500 })
  }

  read(): { readonly requests: number; readonly failed: number } {
    const from = this.#clock.monotonic() - WINDOW_MS
    const first = this.#seen.findIndex(({ at }) => at > from)
    this.#seen = first < 0 ? [] : this.#seen.slice(first)
    return { requests: this.#seen.length, failed: this.#seen.filter(({ failed }) => failed).length }
  }
}
