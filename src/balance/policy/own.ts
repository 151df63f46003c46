/**
 * A policy of the user's own: a function that is given the eligible endpoints and chooses one. What is not eligible it never
 * sees, so it cannot undo what health, retries and scopes have decided; what it keeps is its own affair.
 */
import type { OwnPolicy } from '../balance-config.ts'
import type { PolicyFactory } from '../contract.ts'
import { eligibleOf } from '../eligible.ts'

/** @throws RangeError at the pick when the function returns what it was not given. */
export function own(choose: OwnPolicy): PolicyFactory {
  return ({ random }) => ({
    name: 'own',
    pick(endpoints, request) {
      const left = eligibleOf(endpoints, request)
      if (left.length === 0) return undefined
      const chosen = choose(left, { hashKey: request.hashKey, random })
      if (chosen === undefined) return undefined
      const member = left.find((endpoint) => endpoint === chosen)
      if (member !== undefined) return member
      throw new RangeError(`balance: ${nameOf(choose)} chose an endpoint that it was not given; return one of the list`)
    },
  })
}

function nameOf(choose: OwnPolicy): string {
  return choose.name === '' ? 'the function' : `the function ${choose.name}`
}
