/**
 * Power of two choices: draw two different endpoints, take the one with the lower cost per weight; O(1).
 * Two draws without replacement as in Finagle: the second skips over the first. Taking the neighbour on a clash would make
 * neighbours meet too often; drawing with replacement would let the worst endpoint win 1/n² of the time.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
 */
import { below, type Random } from '../../core/random.ts'
import type { Endpoint, PolicyFactory } from '../contract.ts'
import { eligibleOf, isEligible, weightedCost } from '../eligible.ts'

/** Draws before the eligible ones are listed. A refused pair is thrown away whole, so pairs of eligible ones stay uniform. */
const DRAWS = 4

export const p2c: PolicyFactory = ({ random }) => ({
  name: 'p2c',
  pick(endpoints, request) {
    for (let draw = 0; draw < DRAWS && endpoints.length > 1; draw++) {
      const [a, b] = drawPair(endpoints, random)
      if (isEligible(a, request) && isEligible(b, request)) return cheaper(a, b)
    }
    const left = eligibleOf(endpoints, request)
    return left.length > 1 ? cheaper(...drawPair(left, random)) : left[0]
  },
})

function drawPair<E>(endpoints: readonly E[], random: Random): [E, E] {
  const a = below(random, endpoints.length)
  const b = below(random, endpoints.length - 1)
  return [endpoints[a]!, endpoints[b >= a ? b + 1 : b]!]
}

/** The first wins a tie, which is fair because the first is uniform. */
function cheaper<E extends Endpoint>(a: E, b: E): E {
  return weightedCost(b) < weightedCost(a) ? b : a
}
