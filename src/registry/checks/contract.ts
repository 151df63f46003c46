/**
 * A kind of health check. The built-in ones are in the table, `kinds.ts`; each runs `check.suite.ts`.
 * A check finds out results and nothing else: thresholds, storing and deregistering are the runner's.
 */
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { CheckDefinition, Status } from '../state/records.ts'
import type { Store } from '../store.ts'

export interface CheckResult {
  readonly status: Status
  readonly output: string
}

export interface CheckTools {
  readonly clock: Clock
  readonly random: Random
  /** For checks of what is in it. They read. */
  readonly store: Store
  /** The registry's own node. */
  readonly node: string
}

/** A check at work. */
export interface RunningCheck {
  /** Ends it: no result is reported any more, a run under way is broken off. Idempotent. */
  stop(): void
  /** A beat came in. Only checks that wait for beats have it. */
  beat?(output: string): void
}

/**
 * Starts a check that calls `report` with each result. It must not report before `start` has returned, nor after `stop`.
 * `lastOutput` is what the check said before.
 */
export type StartCheck = (
  definition: CheckDefinition,
  lastOutput: string,
  report: (result: CheckResult) => void,
  tools: CheckTools,
) => RunningCheck

/** One run of a check that looks for itself. It never rejects: a failure is a critical result. */
export type Probe = (definition: CheckDefinition, signal: AbortSignal) => Promise<CheckResult>

export const TIMEOUT_DEFAULT_MS = 10_000
export const INTERVAL_MIN_MS = 1000
