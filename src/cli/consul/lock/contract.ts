/**
 * What `consul lock` holds while its program runs: a lock for one, or a semaphore for several. Both lie in the KV as Consul's
 * own clients write them, so that these and Skein's shut each other out.
 */
import type { Clock } from '../../../core/clock.ts'
import type { Api } from '../api.ts'

export interface LockOptions {
  readonly api: Api
  readonly clock: Clock
  /** Without a slash at its ends. */
  readonly prefix: string
  /** ID of the session in whose name it is held. */
  readonly session: string
}

export interface Lock {
  /**
   * Waits until it is held. False when `signal` ended the wait.
   * @throws Failure when what is in the KV is of another kind; SkeinError REGISTRY_UNAVAILABLE.
   */
  acquire(signal: AbortSignal): Promise<boolean>
  /**
   * Whether it is held still, answered when something may have changed. `index` is of the answer before, 0 at first.
   * @throws SkeinError REGISTRY_UNAVAILABLE
   */
  check(index: number, signal: AbortSignal): Promise<{ readonly held: boolean; readonly index: number }>
  /** Gives it back; fine when it was lost. */
  release(): Promise<void>
  /** Removes what is left of it in the KV; false when somebody else uses it. */
  cleanup(): Promise<boolean>
}

/** Key under the prefix where those who want the lock meet. */
export const LOCK_KEY = '.lock'
