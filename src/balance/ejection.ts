/** The arithmetic of ejection, apart from the events that cause it. Source: gRFC A50, Envoy's outlier detection. */

export interface EjectionTimes {
  /** First ejection, ms. */
  readonly baseMs: number
  /** Longest, ms. */
  readonly maxMs: number
  /** A past ejection is forgiven for each full interval of this length that an endpoint stays in, ms. */
  readonly sweepMs: number
}

/** How many ejections still count when the next one comes: one less for each interval spent in health. */
export function unforgiven(times: number, healthyMs: number, sweepMs: number): number {
  return Math.max(0, times - Math.max(0, Math.ceil(healthyMs / sweepMs) - 1))
}

/** Length of the `times`-th ejection in a row: base × times, at most the longest. */
export function ejectionMs(times: number, { baseMs, maxMs }: EjectionTimes): number {
  return Math.min(baseMs * times, Math.max(baseMs, maxMs))
}

/** May one more be ejected while `out` of `members` are? One always may; beyond that while less than `maxPercent` are out. */
export function mayEject(out: number, members: number, maxPercent: number): boolean {
  return out === 0 || (out * 100) / members < maxPercent
}
