/**
 * What was found right, for a while: a signature costs more than all the rest of a request, and clients send the same token again
 * and again. Refusals are not kept: there is no end of wrong tokens.
 */
import { createHash } from 'node:crypto'

/** So long a token that was revoked by other means than its key or expiry may still be let in, ms. */
const KEPT_MS = 60_000
/** A token's digest and claims: some 10 MB in all. */
const VERDICTS_MAX = 10_000

interface Kept<T> {
  readonly verdict: T
  readonly until: number
}

export class Verdicts<T> {
  readonly #keptMs: number
  readonly #kept = new Map<string, Kept<T>>()
  #generation = 0

  constructor(keptMs = KEPT_MS) {
    this.#keptMs = keptMs
  }

  /** `now` and `validUntil` in ms since the epoch. */
  async of(token: string, now: number, judge: () => Promise<{ verdict: T; validUntil: number }>): Promise<T> {
    const key = createHash('sha256').update(token).digest('base64')
    const kept = this.#kept.get(key)
    if (kept !== undefined && now < kept.until) return kept.verdict
    const generation = this.#generation
    const { verdict, validUntil } = await judge()
    // Judged by keys that have been taken away in the meantime: right for this request, and no longer.
    if (generation === this.#generation) this.#keep(key, { verdict, until: Math.min(validUntil, now + this.#keptMs) })
    return verdict
  }

  /** The keys by which was judged have changed. */
  forget(): void {
    this.#generation++
    this.#kept.clear()
  }

  #keep(key: string, kept: Kept<T>): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size <= VERDICTS_MAX) return
    const [oldest] = this.#kept.keys()
    this.#kept.delete(oldest!)
  }
}
