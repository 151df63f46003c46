/** Counts for the rate limits of all workers, so that a limit is the same whatever their number. Pure: time is handed in. */
import { Buckets, takeTogether, type Verdict } from '../buckets.ts'
import type { TokenAsk } from './contract.ts'

interface Limit {
  readonly buckets: Buckets
  /** Until an empty bucket is full, ms. */
  readonly fullMs: number
  /** Monotonic ms. */
  usedAt: number
}

export class TokenDesk {
  readonly #limits = new Map<string, Limit>()

  get size(): number {
    return this.#limits.size
  }

  /** Of each group a token of each or of none, in the order of asking. */
  take(groups: readonly (readonly TokenAsk[])[], now: number): Verdict[][] {
    return groups.map((group) =>
      takeTogether(
        group.map((ask) => ({ buckets: this.#limitOf(ask, now).buckets, key: ask.key })),
        now,
      ),
    )
  }

  #limitOf({ limit: id, capacity, perMs }: TokenAsk, now: number): Limit {
    let limit = this.#limits.get(id)
    if (limit === undefined) {
      this.#forget(now)
      limit = { buckets: new Buckets({ capacity, perMs }), fullMs: capacity / perMs, usedAt: now }
      this.#limits.set(id, limit)
    }
    limit.usedAt = now
    return limit
  }

  /** Limits that no config has any more: once all their buckets are full again, nothing is lost with them. */
  #forget(now: number): void {
    for (const [id, { usedAt, fullMs }] of this.#limits) if (now - usedAt > fullMs) this.#limits.delete(id)
  }
}
