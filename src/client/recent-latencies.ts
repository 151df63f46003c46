/** How long the answers of one operation took lately: the last 256 of them, put in order anew for each 32 that came. */

const KEPT = 256
const BETWEEN_SORTS = 32
/** Fewer say nothing of their slowest part. */
const LEAST = 20

export class RecentLatencies {
  readonly #ms = new Float64Array(KEPT)
  #count = 0
  #sorted = new Float64Array(0)
  #sortedAt = 0

  add(ms: number): void {
    this.#ms[this.#count++ % KEPT] = ms
  }

  /** What `share` of them stayed below, ms; undefined while there are too few. */
  quantile(share: number): number | undefined {
    if (this.#count < LEAST) return undefined
    if (this.#sorted.length === 0 || this.#count - this.#sortedAt >= BETWEEN_SORTS) {
      this.#sorted = this.#ms.slice(0, Math.min(this.#count, KEPT)).sort()
      this.#sortedAt = this.#count
    }
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.floor(this.#sorted.length * share))]
  }
}
