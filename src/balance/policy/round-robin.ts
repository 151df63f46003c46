/**
 * Turns in order, whatever the weights. It starts at a random place: many short-lived callers would otherwise all begin
 * with the first endpoint. The cursor stands behind the endpoint last chosen, not one further than before: else the
 * neighbour of an ineligible endpoint would get its turns as well.
 */
import { below, type Random } from '../../core/random.ts'
import type { Endpoint, PickRequest, Policy, PolicyFactory } from '../contract.ts'

export const roundRobin: PolicyFactory = ({ random }) => new RoundRobin(random)

/** Beyond the end of any list. */
const NOT_BEGUN = 2 ** 30 - 1

/** A class and not a closure: an object's field that is always a small whole number is read and written in less time. */
class RoundRobin implements Policy {
  readonly name = 'round-robin'
  readonly #random: Random
  #cursor = NOT_BEGUN

  constructor(random: Random) {
    this.#random = random
  }

  pick<E extends Endpoint>(endpoints: readonly E[], { eligible }: PickRequest): E | undefined {
    let cursor = this.#cursor
    if (cursor >= endpoints.length) cursor = this.#wrapped(endpoints.length)
    if (eligible !== undefined) cursor = nextEligible(endpoints, cursor, eligible)
    if (cursor >= endpoints.length) return undefined
    this.#cursor = cursor + 1
    return endpoints[cursor]
  }

  #wrapped(count: number): number {
    return this.#cursor === NOT_BEGUN ? below(this.#random, count) : 0
  }
}

/** The first at `start` or behind it, round and round; the list's length when there is none. */
function nextEligible<E extends Endpoint>(
  endpoints: readonly E[],
  start: number,
  eligible: (endpoint: E) => boolean,
): number {
  for (let index = start; index < endpoints.length; index++) if (eligible(endpoints[index]!)) return index
  for (let index = 0; index < start; index++) if (eligible(endpoints[index]!)) return index
  return endpoints.length
}
