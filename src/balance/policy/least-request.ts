/**
 * The lowest cost per weight of all. Better than P2C for few endpoints (p99 5.9 against 8.0 service times at
 * load 0.8 with ten), but many callers that see the same numbers all run to the same endpoint: beyond some dozens prefer P2C.
 * Counted requests are kept in order while they change, so a pick does not grow with the number of endpoints; any other load, and a
 * pick that may not have those with the fewest, is a scan, O(n). Ties there are drawn by reservoir sampling: the k-th equal one
 * replaces the choice with chance 1/k, so all have the same.
 */

import type { Random } from '../../core/random.ts'
import type { Endpoint, PickRequest, PolicyFactory } from '../contract.ts'
import { isEligible, perSnapshot, weightedCost } from '../eligible.ts'
import { LeastCounts } from '../least-counts.ts'

/** Below so many endpoints a scan costs less than keeping order. */
const ORDER_FROM = 32
/** Draws before all are scanned. Throwing a refused draw away leaves the others their chance. */
const DRAWS = 16

export const leastRequest: PolicyFactory = ({ random }) => {
  const ordered = perSnapshot<Order>(({ length }) => ({
    counts: undefined,
    scans: length < ORDER_FROM ? Number.POSITIVE_INFINITY : 0,
  }))
  return {
    name: 'least-request',
    pick(endpoints, request) {
      const counts = kept(ordered(endpoints), endpoints)
      let refused: Set<Endpoint> | undefined
      for (let draw = 0; counts !== undefined && draw < DRAWS; draw++) {
        const endpoint = endpoints[counts.draw(random)]!
        if (refused?.has(endpoint) === true) continue
        if (isEligible(endpoint, request)) return endpoint
        refused = (refused ?? new Set()).add(endpoint)
      }
      return scan(endpoints, request, random, refused)
    },
  }
}

/** `counts` while they are kept; otherwise so many scans until they are again. */
interface Order {
  counts: LeastCounts | undefined
  scans: number
}

/** Another policy over the same loads has taken over what was kept here: two would take it from each other with each pick. */
function kept(order: Order, endpoints: readonly Endpoint[]): LeastCounts | undefined {
  if (order.counts?.isLost === true) {
    order.counts = undefined
    order.scans = endpoints.length
  }
  if (order.counts === undefined && order.scans-- === 0) order.counts = LeastCounts.of(endpoints)
  return order.counts
}

/** Who was refused before is not asked again: within slow start the answer is a draw, and this would be another chance. */
function scan<E extends Endpoint>(
  endpoints: readonly E[],
  request: PickRequest,
  random: Random,
  refused: ReadonlySet<Endpoint> | undefined,
): E | undefined {
  let best: E | undefined
  let bestCost = Number.POSITIVE_INFINITY
  let ties = 0
  for (const endpoint of endpoints) {
    if (refused?.has(endpoint) === true || !isEligible(endpoint, request)) continue
    const cost = weightedCost(endpoint, request)
    if (best !== undefined && !(cost <= bestCost)) continue
    ties = cost === bestCost ? ties + 1 : 1
    if (ties === 1 || random() * ties < 1) best = endpoint
    bestCost = cost
  }
  return best
}
