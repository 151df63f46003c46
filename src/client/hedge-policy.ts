/** When a second instance is asked for the same: what a user writes, and what is wrong with it. */

export interface HedgePolicy {
  /**
   * After so many ms without an answer; or after what so many percent of the operation's answers took, as seen here lately, once
   * there have been 20 of them.
   */
  readonly delayMs: number | Percentile
  /** Hedges for one call at most. Default 1. */
  readonly max?: number | undefined
}

/** The part of the answers that is quicker. */
export const PERCENTILES = { p90: 0.9, p95: 0.95, p99: 0.99 } as const
type Percentile = keyof typeof PERCENTILES

const MAX = 3

/** What is wrong with a `hedge` as a user wrote it, or undefined. */
export function checkHedge(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return `${show(value)} is not an object such as { delayMs: 'p95' }`
  const { delayMs, max, ...rest } = value as Readonly<Record<string, unknown>>
  const isDelay = typeof delayMs === 'number' ? delayMs >= 0 && delayMs < 2 ** 31 : isPercentile(delayMs)
  if (!isDelay)
    return `delayMs: ${show(delayMs)} is neither a number of ms nor one of ${Object.keys(PERCENTILES).join(', ')}`
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) return `has no option '${unknown}' (known: delayMs, max)`
  if (max === undefined || (Number.isInteger(max) && Number(max) >= 1 && Number(max) <= MAX)) return undefined
  return `max: ${show(max)} is not a whole number from 1 to ${MAX}`
}

function isPercentile(value: unknown): value is Percentile {
  return typeof value === 'string' && Object.hasOwn(PERCENTILES, value)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
