/**
 * Rate limits that several gateways count together, in Redis. While Redis is away each counts by itself, as it would without:
 * an outage lets through at most the limit for each gateway, and refuses nobody who was not over it.
 */
import { hash } from 'node:crypto'
import { type Allowance, type Ask, limitIdOf } from '../allowance.ts'
import type { Verdict } from '../buckets.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { sizeOf } from '../rule/rate-limit.ts'
import type { RedisSettings } from './config.ts'
import { RedisConnection, type RedisParts } from './connection.ts'
import { type Bucket, TAKE, verdictsOf, wordsFor } from './tokens.ts'

/** Requests in one call of the script: it holds up all others in Redis for about a µs each. */
const BATCH_MAX = 128

interface Waiting {
  readonly asked: readonly Ask[]
  readonly buckets: readonly Bucket[]
  /** When it was asked, monotonic ms. */
  readonly at: number
  readonly resolve: (verdicts: readonly Verdict[] | Promise<readonly Verdict[]>) => void
}

export class RedisAllowance implements Allowance {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #alone: Allowance
  readonly #clock: RedisParts['clock']
  readonly #counts: Readonly<Record<'redis' | 'gateway', { value: number }>>
  /** By route and rule, as the same in every gateway. */
  readonly #ids = new WeakMap<object, string>()
  /** All that ask in one turn of the event loop go together. */
  #waiting: Waiting[] = []

  /** `alone` counts while Redis is away. */
  constructor(settings: RedisSettings, alone: Allowance, parts: RedisParts & { readonly metrics: GatewayMetrics }) {
    const { limited } = parts.metrics
    this.#prefix = settings.prefix
    this.#alone = alone
    this.#clock = parts.clock
    this.#counts = { redis: limited.with('redis'), gateway: limited.with('gateway') }
    // It writes, so that a Redis which is full or only reads does not count as there.
    const groups = [[{ key: `${settings.prefix}:probe`, capacity: 1_000, perMs: 1 }]]
    const probe = { words: wordsFor(groups), check: (answer: unknown) => void verdictsOf(answer, groups) }
    this.#connection = new RedisConnection(settings, TAKE, probe, parts)
  }

  /** Resolves when Redis has been asked for the first time: until then each counts by itself. */
  get tried(): Promise<void> {
    return this.#connection.tried
  }

  take(asked: readonly Ask[], now: number): readonly Verdict[] | Promise<readonly Verdict[]> {
    if (!this.#connection.isThere) return this.#takeAlone(asked, now)
    const buckets = asked.map((ask) => this.#bucketOf(ask))
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#askAll())
      this.#waiting.push({ asked, buckets, at: now, resolve })
    })
  }

  close(): void {
    this.#connection.close()
  }

  #askAll(): void {
    const all = this.#waiting
    this.#waiting = []
    for (let i = 0; i < all.length; i += BATCH_MAX) void this.#askFor(all.slice(i, i + BATCH_MAX))
  }

  async #askFor(batch: readonly Waiting[]): Promise<void> {
    const groups = batch.map(({ buckets }) => buckets)
    const answer = await this.#connection.run(wordsFor(groups))
    const verdicts = answer === undefined ? undefined : this.#read(answer, groups)
    for (const [i, { asked, at, resolve }] of batch.entries()) {
      if (verdicts === undefined) resolve(this.#takeAlone(asked, this.#clock.monotonic()))
      else resolve(this.#taken(asked, verdicts[i]!, at))
    }
  }

  #read(answer: unknown, groups: readonly (readonly Bucket[])[]): Verdict[][] | undefined {
    try {
      return verdictsOf(answer, groups)
    } catch (error) {
      this.#connection.lose(error as Error)
      return undefined
    }
  }

  /** What was let through is taken here as well, so that an outage does not begin with full buckets. */
  #taken(asked: readonly Ask[], verdicts: readonly Verdict[], at: number): readonly Verdict[] {
    this.#counts.redis.value++
    if (verdicts.every(({ taken }) => taken)) for (const { limit, key } of asked) limit.buckets.take(key, at)
    return verdicts
  }

  #takeAlone(asked: readonly Ask[], now: number): readonly Verdict[] | Promise<readonly Verdict[]> {
    this.#counts.gateway.value++
    return this.#alone.take(asked, now)
  }

  /** Its key is route, rule and client as a digest: nobody's address or name lies in Redis, and each is of one length. */
  #bucketOf(ask: Ask): Bucket {
    const { limit, key } = ask
    let id = this.#ids.get(limit)
    if (id === undefined) {
      id = limitIdOf(ask)
      this.#ids.set(limit, id)
    }
    const digest = hash('sha256', `${id}\n${key}`, 'base64url')
    return { key: `${this.#prefix}:${digest}`, ...sizeOf(limit.config) }
  }
}
