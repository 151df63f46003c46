/** Slow start: a newcomer's weight grows, so that caches, pools and the JIT get warm before it carries its full share. */

export interface SlowStartOptions {
  /** Time to full weight, s; default 60. */
  readonly windowS?: number | undefined
  /** 1 (default) grows in a straight line; above 1 faster at first. */
  readonly aggression?: number | undefined
  /** Least factor in percent; default 10. */
  readonly minPercent?: number | undefined
}

/**
 * The factor in (0, 1] on the weight of an endpoint that became usable `ageS` seconds ago. Not for endpoints that were there
 * when the client started: then everybody is new. Source: Envoy, load_balancing/slow_start.
 */
export function slowStartFactor(
  ageS: number,
  { windowS = 60, aggression = 1, minPercent = 10 }: SlowStartOptions = {},
): number {
  if (ageS >= windowS) return 1
  return Math.max(minPercent / 100, (Math.max(ageS, 1) / windowS) ** (1 / aggression))
}
