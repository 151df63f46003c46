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

export function peakEwma({ clock, tauMs = 10_000, initialMs }: PeakEwmaOptions): Load {
  let estimate = initialMs
  let stamp = clock.monotonic()
  let pending = 0
  /** Requests in flight when the past was forgotten: as many of the next ends teach nothing. */
  let outdated = 0

  /** How much of an older value still counts. A clock that went back counts as standing. */
  function kept(now: number): number {
    return Math.exp(-Math.max(0, now - stamp) / tauMs)
  }

  function sample(latencyMs: number): void {
    const now = clock.monotonic()
    const weight = kept(now)
    const decayed = (estimate ?? 0) * weight
    const first = estimate === undefined
    estimate = first || latencyMs > decayed ? latencyMs : decayed + latencyMs * (1 - weight)
    stamp = Math.max(stamp, now)
  }

  return {
    get inFlight() {
      return pending
    },
    cost() {
      if (estimate === undefined) return pending === 0 ? 0 : UNKNOWN_MS + pending
      return estimate * kept(clock.monotonic()) * (pending + 1)
    },
    begin() {
      pending++
    },
    end(latencyMs) {
      pending = Math.max(0, pending - 1)
      if (outdated > 0) outdated--
      else if (latencyMs !== undefined && latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY) sample(latencyMs)
    },
    forget() {
      estimate = undefined
      outdated = pending
    },
  }
}
