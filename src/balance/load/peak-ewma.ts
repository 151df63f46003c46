/**
 * Peak EWMA: an average of latency that jumps up to a peak at once and comes down slowly, times the requests waiting.
 * A reading decays with time, so that an endpoint which is avoided is tried again. Reads are pure and a sample is
 * compared with the decayed estimate, as in linkerd: where reads write back (Finagle, tower), the result depends on how often
 * somebody looked.
 */
import type { Clock } from '../../core/clock.ts'
import type { Load } from '../contract.ts'

export interface PeakEwmaOptions {
  readonly clock: Clock
  /** Time in which an old value falls to 1/e, ms; default 10,000. */
  readonly tauMs?: number | undefined
  /** Estimate at the start, ms. Default none: the first sample becomes the estimate. */
  readonly initialMs?: number | undefined
}

/** Cost while the first answer is awaited: above any latency, so that a newcomer gets one request at a time until it answers. */
const UNKNOWN_MS = 1_000_000

export function peakEwma(options: PeakEwmaOptions): Load {
  return new PeakEwma(options)
}

/** A class and not closures: among thousands of endpoints a pick costs what it has to fetch from memory. */
class PeakEwma implements Load {
  readonly #clock: Clock
  readonly #tauMs: number
  /** NaN = none yet; a number in each state, so that it lies in the object. */
  #estimate: number
  #stamp: number
  #pending = 0
  /** Requests in flight when the past was forgotten: as many of the next ends teach nothing. */
  #outdated = 0

  constructor({ clock, tauMs = 10_000, initialMs = Number.NaN }: PeakEwmaOptions) {
    this.#clock = clock
    this.#tauMs = tauMs
    this.#estimate = initialMs
    this.#stamp = clock.monotonic()
  }

  get inFlight(): number {
    return this.#pending
  }

  cost(now = this.#clock.monotonic()): number {
    if (Number.isNaN(this.#estimate)) return this.#pending === 0 ? 0 : UNKNOWN_MS + this.#pending
    return this.#estimate * this.#kept(now) * (this.#pending + 1)
  }

  begin(): void {
    this.#pending++
  }

  end(latencyMs: number | undefined, isLeast = false): void {
    this.#pending = Math.max(0, this.#pending - 1)
    if (this.#outdated > 0) this.#outdated--
    else if (latencyMs !== undefined && latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY) {
      this.#sample(latencyMs, isLeast)
    }
  }

  forget(): void {
    this.#estimate = Number.NaN
    this.#outdated = this.#pending
  }

  /** How much of an older value still counts. A clock that went back counts as standing. */
  #kept(now: number): number {
    return Math.exp(-Math.max(0, now - this.#stamp) / this.#tauMs)
  }

  #sample(latencyMs: number, isLeast: boolean): void {
    const now = this.#clock.monotonic()
    const weight = this.#kept(now)
    const decayed = this.#estimate * weight
    if (isLeast && latencyMs <= decayed) return
    // Also where there is none yet: nothing is at most NaN.
    this.#estimate = latencyMs <= decayed ? decayed + latencyMs * (1 - weight) : latencyMs
    this.#stamp = Math.max(this.#stamp, now)
  }
}
