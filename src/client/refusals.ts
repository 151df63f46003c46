/**
 * Which instances have just said that they have too much to do. That is no failure and ejects nobody. Where all say so, trying
 * again would only add to the crowd. First attempts go to them all the same: kept away for a moment, all callers would come
 * back in the same moment, and swing from one instance to the other.
 */
import type { Clock } from '../core/clock.ts'

/** How long a refusal counts, ms. */
const COUNTS_MS = 100

export class Refusals {
  readonly #clock: Clock
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(id: string): void {
    this.#until.set(id, this.#clock.monotonic() + COUNTS_MS)
  }

  has(id: string): boolean {
    const until = this.#until.get(id)
    return until !== undefined && this.#clock.monotonic() < until
  }

  /** Forgets those who have gone. */
  retain(ids: ReadonlyMap<string, unknown>): void {
    for (const id of this.#until.keys()) if (!ids.has(id)) this.#until.delete(id)
  }
}
