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
      if (endpoints.length === 0) return undefined
      if (cursor === undefined) cursor = below(random, endpoints.length)
      else if (cursor >= endpoints.length) cursor = 0
      if (request.eligible === undefined) return endpoints[cursor++]
      const start = cursor
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
