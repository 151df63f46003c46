/** Token buckets, one for each key, in bounded memory. Pure: time is handed in. */

/**
 * Keys remembered for one limit; beyond that the one unused for longest is forgotten, and its bucket is full again. About
 * 20 MB. More clients than that within one window pass a limit that is told by client: limit the route as well.
 */
const KEYS_MAX = 100_000

export interface BucketOptions {
  /** Tokens of a full bucket. */
  readonly capacity: number
  /** Tokens that come back, per ms. */
  readonly perMs: number
  readonly keysMax?: number
}

/** What a bucket says when one token is asked for. */
export interface Verdict {
  /** There was one. */
  readonly taken: boolean
  /** Whole tokens left. */
  readonly left: number
  /** Until the next token, when none was left, ms. */
  readonly retryMs: number
  /** Until the bucket is full, ms. */
  readonly fullMs: number
}

interface Bucket {
  tokens: number
  /** When that was so, monotonic ms. */
  at: number
}

export class Buckets {
  readonly #options: Required<BucketOptions>
  /** In order of use: the first is the one unused for longest. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: BucketOptions) {
    this.#options = { keysMax: KEYS_MAX, ...options }
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Is there a token for `key`? */
  has(key: string, now: number): boolean {
    return this.#used(key, now).tokens >= 1
  }

  /** Takes a token if there is one; with `wanted` false it only tells. */
  take(key: string, now: number, wanted = true): Verdict {
    const { capacity, perMs } = this.#options
    const bucket = this.#used(key, now)
    const taken = bucket.tokens >= 1
    if (taken && wanted) bucket.tokens--
    return {
      taken,
      left: Math.floor(bucket.tokens),
      retryMs: taken ? 0 : (1 - bucket.tokens) / perMs,
      fullMs: (capacity - bucket.tokens) / perMs,
    }
  }

  /** With what has come back by now. */
  #used(key: string, now: number): Bucket {
    const { capacity, perMs } = this.#options
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, at: now }
    bucket.tokens = Math.min(capacity, bucket.tokens + (now - bucket.at) * perMs)
    bucket.at = now
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#options.keysMax) {
      const [oldest] = this.#buckets.keys()
      this.#buckets.delete(oldest!)
    }
    return bucket
  }
}

/** A token of each, or of none: one client's refused requests must not use up what all clients share. */
export function takeTogether(
  asked: readonly { readonly buckets: Buckets; readonly key: string }[],
  now: number,
): Verdict[] {
  const areFree = asked.length === 1 || asked.every(({ buckets, key }) => buckets.has(key, now))
  return asked.map(({ buckets, key }) => buckets.take(key, now, areFree))
}
