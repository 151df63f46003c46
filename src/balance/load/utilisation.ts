/**
 * What the instance says of itself, times the requests waiting: fit where cost is hidden from the caller, such as background
 * work or other callers. A report comes in the header of an answer (see `orca.ts`); it fades with time, so that an endpoint
 * that was busy once is tried again. A newcomer gets one request until it answers; one that answers without a report, and has not sent
 * any for as long as one lasts, counts as fully used just then: so a service without reports is balanced by requests in flight, and an
 * instance that has stopped reporting is not taken for idle.
 */
import type { Clock } from '../../core/clock.ts'
import type { Load } from '../contract.ts'

export interface UtilisationOptions {
  readonly clock: Clock
  /** Time in which an old report falls to 1/e, ms; default 10,000. */
  readonly tauMs?: number | undefined
}

/** An idle one still costs something, or all idle ones would look alike however many requests wait. */
const LEAST = 0.01
/** While the first answer is awaited. */
const UNKNOWN = 1_000_000

export function utilisation({ clock, tauMs = 10_000 }: UtilisationOptions): Load {
  let reported: number | undefined
  let stamp = 0
  /** When it said something itself. */
  let saidAt = Number.NEGATIVE_INFINITY
  let pending = 0
  function learn(used: number, now: number): void {
    reported = used
    stamp = now
  }
  return {
    get inFlight() {
      return pending
    },
    cost(now = clock.monotonic()) {
      if (reported === undefined) return pending === 0 ? 0 : UNKNOWN + pending
      const age = Math.max(0, now - stamp)
      return Math.max(LEAST, reported * Math.exp(-age / tauMs)) * (pending + 1)
    },
    begin() {
      pending++
    },
    end(latencyMs, isLeast = false) {
      pending = Math.max(0, pending - 1)
      if (latencyMs === undefined || isLeast) return
      const now = clock.monotonic()
      if (now - saidAt >= tauMs) learn(1, now)
    },
    forget() {
      reported = undefined
      saidAt = Number.NEGATIVE_INFINITY
    },
    report(used) {
      if (!(used >= 0 && used < Number.POSITIVE_INFINITY)) return
      saidAt = clock.monotonic()
      learn(used, saidAt)
    },
  }
}
