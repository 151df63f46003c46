/**
 * The contract of a behaviour: what the fleet does around the life of one process. Hooks are called in the order of the
 * table in `behaviours.ts`. A behaviour keeps what belongs to a run in a WeakMap or in closures of `run.after`, whose
 * timers end with the process; it acts only through `run.becomeReady` and `run.fail` and decides nothing about restarts.
 */
import type { Timer } from '../core/clock.ts'
import type { LogLine, ServiceSpec } from './contract.ts'

/** One life of one process, as behaviours see it. */
export interface Run {
  readonly id: string
  readonly spec: ServiceSpec
  /** What the last run of this instance failed of; undefined = it did not fail. */
  readonly previousFailure: string | undefined
  /** The last lines of stderr, for the account of the end. */
  readonly lastErrors: string[]
  /** Where it serves, or will. */
  readonly host: string
  port: number | undefined
  /** Monotonic ms; undefined until it serves. */
  readonly readyAt: number | undefined
  /** True from the moment it was asked to leave. */
  readonly stopping: boolean
  /** Why it ended, in one line; undefined while it runs. */
  readonly failure: string | undefined
  /** Calls `run` after `ms`, unless the process has ended by then: no behaviour has to think of stale timers. */
  after(ms: number, run: () => void): Timer
  /** It serves on `port`. Counts once, and not when it is leaving or gone. */
  becomeReady(port: number | undefined): void
  /** Kills it for `reason`, which becomes the account of its end. Not when it is leaving: then the grace time decides. */
  fail(reason: string): void
}

export interface Behaviour {
  /** The process exists; nothing has come from it yet. */
  launched?(run: Run): void
  /** It sent something over the IPC channel: untrusted. */
  message?(run: Run, message: unknown): void
  output?(run: Run, stream: LogLine['stream'], chunk: Uint8Array): void
  /** It serves on `run.port`. At most once. */
  ready?(run: Run): void
  /** It has ended and no more output comes; `run.failure` is not known yet. */
  outputEnded?(run: Run): void
  /** It has ended; `run.failure` says why. */
  ended?(run: Run): void
}
