/**
 * The time of day to a microsecond. The wall clock counts whole milliseconds and may jump; the monotonic one is fine and steady but
 * stands for no time of day. So the difference of both is kept: as the wall clock only ever lags (by what it leaves out), the greatest
 * difference seen is the best. A jump is followed: forward at once, back once it is more than that.
 */
import type { Clock } from '../../core/clock.ts'

const LAG_MS = 2

export class SpanClock {
  readonly #clock: Clock
  #offset = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What to add to the monotonic clock. One for a span and all below it, so that they fit together to the microsecond. */
  offset(): number {
    const seen = this.#clock.now() - this.#clock.monotonic()
    if (seen > this.#offset || seen < this.#offset - LAG_MS) this.#offset = seen
    return this.#offset
  }

  /** Nanoseconds since the epoch. */
  now(offset: number): bigint {
    return BigInt(Math.round((offset + this.#clock.monotonic()) * 1000)) * 1000n
  }
}
