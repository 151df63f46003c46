/** Limits how often something is done while letting bursts through at once. */
import { type Clock, sleep } from '../core/clock.ts'

export class TokenBucket {
  readonly #burst: number
  readonly #refillMs: number
  readonly #clock: Clock
  #tokens: number
  #countedAt: number

  /** Starts full with `burst` tokens; one comes back every `refillMs`. */
  constructor(options: { burst: number; refillMs: number; clock: Clock }) {
    this.#burst = options.burst
    this.#refillMs = options.refillMs
    this.#clock = options.clock
    this.#tokens = options.burst
    this.#countedAt = options.clock.monotonic()
  }

  /** Takes one token, waiting for it if there is none. For one taker at a time. */
  async take(signal: AbortSignal): Promise<void> {
    this.#refill()
    if (this.#tokens < 1) {
      await sleep((1 - this.#tokens) * this.#refillMs, this.#clock, signal)
      this.#refill()
    }
    this.#tokens--
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#countedAt) / this.#refillMs)
    this.#countedAt = now
  }
}
