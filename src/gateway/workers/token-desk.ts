/** Counts for the rate limits of all workers, so that a limit is the same whatever their number. Pure: time is handed in. */
import { Buckets, takeTogether } from '../buckets.ts'
import type { LimitSpec, TokenAsk, TokenVerdict } from './contract.ts'

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

  /** Of each group a token of each or of none, in the order of asking. `specs` are the limits by the numbers of who asks. */
  take(specs: readonly LimitSpec[], groups: readonly (readonly TokenAsk[])[], now: number): TokenVerdict[][] {
    return groups.map((group) => {
      const asked = group.map(([number, key]) => ({ buckets: this.#limitOf(specs[number]!, now).buckets, key }))
      return takeTogether(asked, now).map(({ taken, left, retryMs, fullMs }) => [taken, left, retryMs, fullMs] as const)
    })
  }

  #limitOf({ id, capacity, perMs }: LimitSpec, now: number): Limit {
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
