/**
 * Consistent hashing with bounded loads: no endpoint holds more than its slots, `factor` × its fair share of the requests in
 * flight by weight. Source: Mirrokni, Thorup, Zadimoghaddam, arXiv 1608.01350. Slots are Envoy's (rounded up per endpoint,
 * at least 1); admission is HAProxy's `inFlight < slots`, because Envoy's lets one more in than the bound says.
 */
import type { Endpoint } from '../contract.ts'

/** Slots over all endpoints when `active` requests are in flight and one more comes. */
export function totalSlots(active: number, factor: number): number {
  // A little less, or 1.1 × 10 would be 11 and some rounding, and so 12.
  return Math.ceil((active + 1) * factor * (1 - 1e-12))
}

/** The part of `total` slots that belongs to `weight` of `weights`. */
export function slotsOf(total: number, weight: number, weights: number): number {
  return Math.max(1, Math.ceil((total * weight) / weights))
}

/**
 * Eligibility with the bound added. Shares are counted over the eligible endpoints: then their slots exceed their requests,
 * and at least one of them admits. O(n) a pick, because requests end at any time.
 */
export function withinBound(
  endpoints: readonly Endpoint[],
  eligible: ((endpoint: Endpoint) => boolean) | undefined,
  factor: number,
): (endpoint: Endpoint) => boolean {
  let active = 0
  let weights = 0
  for (const endpoint of endpoints) {
    if (eligible !== undefined && !eligible(endpoint)) continue
    active += endpoint.load.inFlight
    weights += endpoint.weight
  }
  const total = totalSlots(active, factor)
  return (endpoint) =>
    (eligible === undefined || eligible(endpoint)) && endpoint.load.inFlight < slotsOf(total, endpoint.weight, weights)
}
