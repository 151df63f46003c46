/** Waits between attempts, drawn at random so that callers which failed together do not come back together. */
import { fullJitter, type Random } from '../core/random.ts'

export interface BackoffOptions {
  /** Bound of the first wait, ms; default 25. It doubles with each retry. */
  readonly baseMs?: number | undefined
  /** Largest bound, ms; default 250. */
  readonly maxMs?: number | undefined
}

/**
 * Full jitter: uniform in [0, min(max, base × 2^(retry − 1))) ms for retry 1, 2, … This is what Envoy's code does; its manual
 * says (2^retry − 1) × base.
 */
export function backoffMs(random: Random, retry: number, { baseMs = 25, maxMs = 250 }: BackoffOptions = {}): number {
  return fullJitter(random, retry - 1, baseMs, maxMs)
}

/** Above this a server's Retry-After is not waited for, ms. */
export const RETRY_AFTER_MAX_MS = 300_000

/** The wait for a server's Retry-After of `ms`: uniform in [ms, 1.5 ms); undefined when it is unreadable or too long to honour. */
export function retryAfterMs(random: Random, ms: number): number | undefined {
  return ms >= 0 && ms <= RETRY_AFTER_MAX_MS ? ms * (1 + random() / 2) : undefined
}
