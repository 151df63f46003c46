/**
 * Turns in order, whatever the weights. It starts at a random place: many short-lived callers would otherwise all begin
 * with the first endpoint. The cursor stands behind the endpoint last chosen, not one further than before: else the
 * neighbour of an ineligible endpoint would get its turns as well.
 */
import { below } from '../../core/random.ts'
import type { PolicyFactory } from '../contract.ts'
import { isEligible } from '../eligible.ts'

export const roundRobin: PolicyFactory = ({ random }) => {
  let cursor: number | undefined
  return {
    name: 'round-robin',
    pick(endpoints, request) {
      const start = cursor ?? below(random, endpoints.length)
      for (let step = 0; step < endpoints.length; step++) {
        const index = (start + step) % endpoints.length
        const endpoint = endpoints[index]!
        if (!isEligible(endpoint, request)) continue
        cursor = index + 1
        return endpoint
      }
      return undefined
    },
  }
}
