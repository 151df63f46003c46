/** A weighted draw: each endpoint's chance is its weight over the sum. O(log n) over running sums kept per snapshot. */
import { below, type Random } from '../../core/random.ts'
import type { PolicyFactory } from '../contract.ts'
import { eligibleOf, isEligible, lowerBound, perSnapshot, runningSums } from '../eligible.ts'

/** Draws before the eligible ones are listed. Throwing a refused draw away keeps the shares of the others. */
const DRAWS = 4

export const random: PolicyFactory = ({ random }) => {
  const sums = perSnapshot(runningSums)
  return {
    name: 'random',
    pick(endpoints, request) {
      for (let draw = 0; draw < DRAWS && endpoints.length > 0; draw++) {
        const endpoint = endpoints[drawIndex(sums(endpoints), random)]!
        if (isEligible(endpoint, request)) return endpoint
      }
      const left = eligibleOf(endpoints, request)
      return left[drawIndex(runningSums(left), random)]
    },
  }
}

function drawIndex(sums: Float64Array, random: Random): number {
  return lowerBound(sums, below(random, sums[sums.length - 1] ?? 0) + 1)
}
