/** When to start again what has ended. Pure. */

/** First wait, ms; doubled with every further failure. */
export const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
/** After this long in good health, ms, earlier failures are forgotten. */
const HEALTHY_AGAIN_MS = 60_000

export interface Backoff {
  /** To be handed in with the next failure. */
  readonly step: number
  readonly waitMs: number
}

/**
 * `step` counts failures so far, 0 for none. `healthyMs` is how long the ended run had been ready; undefined = it never was.
 *
 * An instance that had served comes back at once, because most such ends are a single mishap (a kill, a bug that one
 * request met), and waiting would halve a pair. If that does not hold, 1, 2, 4 … 60 s follow, as for one that never starts.
 */
export function afterFailure(step: number, healthyMs: number | undefined): Backoff {
  const served = healthyMs !== undefined
  const failures = served && healthyMs >= HEALTHY_AGAIN_MS ? 0 : step
  const now = served ? failures : Math.max(failures, 1)
  return { step: now + 1, waitMs: waitOf(now) }
}

function waitOf(step: number): number {
  return step === 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (step - 1))
}
