/**
 * How many requests an instance works on at a time. Pure: time and the event loop's turns are handed in. A `Limit` only says how
 * many; who waits, who is refused and who is next is the limiter's (limiter.ts), once for all limits.
 */
import type { Priority } from '../../core/priority.ts'

/** A request that has been worked on. */
export interface Sample {
  /** Like is compared with like: low cardinality. */
  readonly operation: string
  /** Monotonic ms. */
  readonly startedAt: number
  readonly endedAt: number
  /** How many were worked on, itself included. The limiter knows. */
  inFlight: number
  /** False where its time says nothing about the load: refused input, say. */
  readonly tells: boolean
}

export interface Limit {
  /** So many at a time; whole, at least 1. */
  readonly value: number
  /** True while nothing has shown yet that more at a time are slower: then who waits is borne with for longer. */
  readonly exploring: boolean
  /** A request has ended. */
  ended(sample: Sample): void
  /** A request has to wait because as many as `value` are worked on. Comes again and again while it does. */
  pressed(now: number): void
}

/**
 * Why a request was refused: it waited too long, too many waited, its deadline had passed or could not be met.
 */
export type ShedReason = 'wait' | 'full' | 'deadline'

/** A request that waits for its turn. Exactly one of the two is called, unless it is forgotten first. */
export interface Waiting {
  readonly priority: Priority
  /** Monotonic ms. */
  readonly since: number
  readonly deadline: number | undefined
  go(): void
  shed(reason: ShedReason): void
}
