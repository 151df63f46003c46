/**
 * The contract of a behaviour: what the fleet does around the life of one process. Hooks are called in the order of the
 * table in `behaviours.ts`. A behaviour keeps what belongs to a run in a WeakMap or in closures of `run.after`, whose
 * timers end with the process; it acts only through `run.becomeReady` and `run.fail` and decides nothing about restarts.
 */
import type { LogLine } from './contract.ts'
import type { Run } from './run.ts'

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
