/**
 * Which instances have just said that they have too much to do. That is no failure and ejects nobody. Where all say so, trying
 * again would only add to the crowd. First attempts go to them all the same: kept away for a moment, all callers would come
 * back in the same moment, and swing from one instance to the other.
 */
import type { Clock } from '../core/clock.ts'

/** How long a refusal counts, ms. */
const COUNTS_MS = 100
/** How long it is told in `explain`, ms. */
const TOLD_MS = 10_000

export class Refusals {
  readonly #clock: Clock
  readonly #at = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(id: string): void {
    this.#at.set(id, this.#clock.monotonic())
  }

  has(id: string): boolean {
    const at = this.#at.get(id)
    return at !== undefined && this.#clock.monotonic() - at < COUNTS_MS
  }

  /** For people: `refused something 0.4 s ago, it had too much to do`. */
  reason(id: string): string | undefined {
    const ms = this.#clock.monotonic() - (this.#at.get(id) ?? Number.NEGATIVE_INFINITY)
    return ms < TOLD_MS ? `refused something ${(ms / 1000).toFixed(1)} s ago, it had too much to do` : undefined
  }

  /** Forgets those who have gone. */
  retain(ids: ReadonlyMap<string, unknown>): void {
    for (const id of this.#at.keys()) if (!ids.has(id)) this.#at.delete(id)
  }
}
