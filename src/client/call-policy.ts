import type { BalanceConfig } from '../balance/balance-config.ts'
import type { OptionalSteps } from './guard-policy.ts'
import type { Protocol, UpstreamTls } from './protocol.ts'

/** What can be set per route, per client or per call; absent fields come from the next wider one, at last DEFAULTS. */
export interface CallPolicy extends OptionalSteps {
  readonly balance?: BalanceConfig | undefined
  /** Whole call, all attempts, until the head of the answer, ms. Default 5000. A caller's own deadline wins when nearer. */
  readonly deadlineMs?: number | undefined
  /**
   * One attempt, until the head of the answer, ms. Default: a third of the deadline where the call may be repeated and another
   * instance could answer; else what is left of the deadline.
   */
  readonly attemptTimeoutMs?: number | undefined
  /** Attempts at most, the first included. Default 3. */
  readonly attempts?: number | undefined
  /** Silence in the middle of an answer's body, ms. Default 60,000. */
  readonly bodyIdleMs?: number | undefined
  /** Default: what the instance says of itself (`protocol` in its metadata, or a tag `protocol=…`), else HTTP/1.1. */
  readonly protocol?: Protocol | undefined
  /** For `h2`. */
  readonly tls?: UpstreamTls | undefined
}
