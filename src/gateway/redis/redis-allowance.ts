/**
 * Rate limits that several gateways count together, in Redis. While Redis is away each counts by itself, as it would without:
 * an outage lets through at most the limit for each gateway, and refuses nobody who was not over it.
 */
import { createHash } from 'node:crypto'
import type { Allowance, Ask } from '../allowance.ts'
import type { Verdict } from '../buckets.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { conditionsOf } from '../snapshot.ts'
import type { RedisSettings } from './config.ts'
import { RedisConnection, type RedisParts } from './connection.ts'
import { argumentsFor, type Filling, TAKE, verdictsOf } from './tokens.ts'

export class RedisAllowance implements Allowance {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #alone: Allowance
  readonly #clock: RedisParts['clock']
  readonly #counts: Readonly<Record<'redis' | 'gateway', { value: number }>>
  /** By route and rule, as the same in every gateway. */
  readonly #ids = new WeakMap<object, string>()

  /** `alone` counts while Redis is away. */
  constructor(settings: RedisSettings, alone: Allowance, parts: RedisParts & { readonly metrics: GatewayMetrics }) {
    const { limited } = parts.metrics
    this.#prefix = settings.prefix
    this.#alone = alone
    this.#clock = parts.clock
    this.#counts = { redis: limited.with('redis'), gateway: limited.with('gateway') }
    // It writes, so that a Redis which is full or only reads does not count as there.
    const probe = wordsFor([`${settings.prefix}:probe`], [{ capacity: 1_000, perMs: 1 }])
    this.#connection = new RedisConnection(settings, TAKE, probe, parts)
  }

  /** Resolves when Redis has been asked for the first time: until then each counts by itself. */
  get tried(): Promise<void> {
    return this.#connection.tried
  }

  async take(asked: readonly Ask[], now: number): Promise<readonly Verdict[]> {
    const fillings = asked.map(({ limit }) => fillingOf(limit.config))
    const keys = asked.map((ask) => this.#keyOf(ask))
    const answer = await this.#connection.run(wordsFor(keys, fillings))
    const verdicts = answer === undefined ? undefined : this.#read(answer, fillings)
    this.#counts[verdicts === undefined ? 'gateway' : 'redis'].value++
    if (verdicts === undefined) return this.#alone.take(asked, this.#clock.monotonic())
    this.#noteOwn(asked, verdicts, now)
    return verdicts
  }

  close(): void {
    this.#connection.close()
  }

  #read(answer: unknown, fillings: readonly Filling[]): Verdict[] | undefined {
    try {
      return verdictsOf(answer, fillings)
    } catch (error) {
      this.#connection.lose(error as Error)
      return undefined
    }
  }

  /** What was let through is taken here as well, so that an outage does not begin with full buckets. */
  #noteOwn(asked: readonly Ask[], verdicts: readonly Verdict[], now: number): void {
    if (verdicts.every(({ taken }) => taken)) for (const { limit, key } of asked) limit.buckets.take(key, now)
  }

  /** Route, rule and client as a digest: nobody's address or name lies in Redis, and each key is of one length. */
  #keyOf({ limit, route, key }: Ask): string {
    let id = this.#ids.get(limit)
    if (id === undefined) {
      // Routes that have no name of their own may share one, and must not share what they count.
      id = JSON.stringify([route.config.name ?? [route.name, conditionsOf(route.config)], limit.config])
      this.#ids.set(limit, id)
    }
    return `${this.#prefix}:${createHash('sha256').update(id).update('\n').update(key).digest('base64url')}`
  }
}

function fillingOf({ requests, seconds, burst = requests }: Ask['limit']['config']): Filling {
  return { capacity: burst, perMs: requests / (seconds * 1000) }
}

function wordsFor(keys: readonly string[], fillings: readonly Filling[]): string[] {
  return [String(keys.length), ...keys, ...argumentsFor(fillings)]
}
