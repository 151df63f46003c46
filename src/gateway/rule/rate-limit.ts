/** How many requests are let through, and of whom. */

import type { HashKeySource } from '../../balance/contract.ts'
import { checkHashKeySource } from '../../balance/hash-key.ts'
import { Buckets } from '../buckets.ts'
import { type Check, either, fields, matching, oneOrMore, wholeNumber } from '../check.ts'

/** `route`: all clients together. `identity`: who API key or JWT say the client is. */
export type RateLimitKey = HashKeySource | 'route' | 'identity'

export interface RateLimitConfig {
  /** Requests … */
  readonly requests: number
  /** … in so many seconds, evenly: 60 in 60 s is one a second. */
  readonly seconds: number
  /** How many may come at once after a pause; default `requests`. */
  readonly burst?: number
  /** Who has a limit of their own; default `ip`. Where the request lacks the part, its address counts. */
  readonly by?: RateLimitKey
  /** For the header fields RateLimit and RateLimit-Policy; default `default`. Tells several limits apart. */
  readonly name?: string
}

export interface RateLimit {
  readonly config: RateLimitConfig
  readonly by: RateLimitKey
  readonly name: string
  readonly buckets: Buckets
  /** Route and rule: the same after a reload that did not change them. */
  readonly id: string
}

const EXAMPLE = '{ requests: 100, seconds: 60 }'

const checkOne = fields(
  {
    requests: wholeNumber(1),
    seconds: wholeNumber(1),
    burst: wholeNumber(1),
    by: (value, report) => {
      if (value === 'route' || value === 'identity') return
      const problem = checkHashKeySource(value)
      if (problem !== undefined) report(problem, 'Write "ip", "route", "identity" or one of these.')
    },
    name: matching(/^[\w.-]{1,64}$/, 'a name of letters, digits, "_", "." and "-"', 'per-client'),
  },
  EXAMPLE,
  ['requests', 'seconds'],
)

export const checkRateLimits: Check = either([false], oneOrMore(checkOne, `[${EXAMPLE}]`))

/** Those that are asked before it is known who the client is. */
export function earlyLimits(limits: readonly RateLimit[]): readonly RateLimit[] {
  const late = lateLimits(limits)
  return late.length === 0 ? limits : limits.filter((limit) => !late.includes(limit))
}

/**
 * Those by identity; and with them what all clients share, of which a client that is refused by its own limit would else take as
 * it likes. Of the early ones it takes only what is its own.
 */
export function lateLimits(limits: readonly RateLimit[]): readonly RateLimit[] {
  if (!limits.some(({ by }) => by === 'identity')) return []
  return limits.filter(({ by }) => by === 'identity' || by === 'route')
}

/** Tokens of a full bucket, and those that come back per ms. */
export function sizeOf({ requests, seconds, burst = requests }: RateLimitConfig): { capacity: number; perMs: number } {
  return { capacity: burst, perMs: requests / (seconds * 1000) }
}

/** Buckets go on through a reload that leaves their rule as it was: a reload must not be a way around a limit. */
export function rateLimits(
  config: RateLimitConfig | readonly RateLimitConfig[] | false | undefined,
  route: string,
  before: readonly RateLimit[],
): RateLimit[] {
  return [config || []].flat().map((one: RateLimitConfig) => {
    const id = JSON.stringify([route, one])
    return (
      before.find((old) => old.id === id) ?? {
        config: one,
        by: one.by ?? 'ip',
        name: one.name ?? 'default',
        buckets: new Buckets(sizeOf(one)),
        id,
      }
    )
  })
}
