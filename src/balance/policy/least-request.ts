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
import { keptCounts } from '../least-counts.ts'

/** Draws before all are scanned. Throwing a refused draw away leaves the others their chance. */
const DRAWS = 16

export const leastRequest: PolicyFactory = ({ random }) => {
  const ordered = perSnapshot(keptCounts)
  return {
    name: 'least-request',
    pick(endpoints, request) {
      const counts = ordered(endpoints)()
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
