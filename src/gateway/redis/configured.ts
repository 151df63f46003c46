/** Counts where the configuration in force says: in Redis, or without one as the gateway does by itself. */
import type { Allowance, Ask } from '../allowance.ts'
import type { Verdict } from '../buckets.ts'
import type { RedisSettings } from './config.ts'
import { RedisAllowance } from './redis-allowance.ts'

type RedisAllowanceParts = ConstructorParameters<typeof RedisAllowance>[2]

export class ConfiguredAllowance implements Allowance {
  readonly #alone: Allowance
  readonly #parts: RedisAllowanceParts
  #redis: RedisAllowance | undefined
  #settings = ''

  constructor(alone: Allowance, parts: RedisAllowanceParts) {
    this.#alone = alone
    this.#parts = parts
  }

  take(asked: readonly Ask[], now: number): readonly Verdict[] | Promise<readonly Verdict[]> {
    return (this.#redis ?? this.#alone).take(asked, now)
  }

  /** A Redis that stays the same keeps its connection. Resolves when a new one has been asked for the first time. */
  async use(settings: RedisSettings | undefined): Promise<void> {
    const text = JSON.stringify(settings) ?? ''
    if (text === this.#settings) return
    this.#settings = text
    this.#redis?.close()
    this.#redis = settings && new RedisAllowance(settings, this.#alone, this.#parts)
    await this.#redis?.tried
  }

  close(): void {
    this.#redis?.close()
  }
}
