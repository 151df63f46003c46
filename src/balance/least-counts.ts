/**
 * Who has the fewest requests per weight, known at any moment: for each weight, a list of the endpoints by their number of requests
 * in flight. A request that begins or ends moves one of them from list to list, so that a pick looks at one list for each weight
 * and not at all endpoints.
 */
import { below, type Random } from '../core/random.ts'
import type { Endpoint, LoadObserver } from './contract.ts'

interface WeightClass {
  readonly weight: number
  /** By number of requests, the indices of those that have so many. */
  readonly byCount: number[][]
  /** The first list that is not empty. */
  least: number
}

/** Below so many endpoints a scan costs less than keeping order. */
const ORDER_FROM = 32

/**
 * The counts of these endpoints for as long as they are kept; undefined = scan. Where another policy over the same loads has taken over,
 * they are kept again after so many scans as there are endpoints: two would take them from each other with each pick.
 */
export function keptCounts(endpoints: readonly Endpoint[]): () => LeastCounts | undefined {
  let counts: LeastCounts | undefined
  let scans = endpoints.length < ORDER_FROM ? Number.POSITIVE_INFINITY : 0
  return () => {
    if (counts?.isLost === true) {
      counts = undefined
      scans = endpoints.length
    }
    if (counts === undefined && scans-- === 0) counts = LeastCounts.of(endpoints)
    return counts
  }
}

class LeastCounts implements LoadObserver {
  /** Another observes the loads: what is known here is old. */
  isLost = false
  readonly #classes: WeightClass[] = []
  /** By index: class, number of requests, and place in its list. */
  readonly #classOf: WeightClass[] = []
  readonly #counts: Uint32Array
  readonly #places: Uint32Array

  /** undefined where some load tells nobody of its changes. */
  static of(endpoints: readonly Endpoint[]): LeastCounts | undefined {
    return endpoints.every(({ load }) => load.observe !== undefined) ? new LeastCounts(endpoints) : undefined
  }

  private constructor(endpoints: readonly Endpoint[]) {
    this.#counts = new Uint32Array(endpoints.length)
    this.#places = new Uint32Array(endpoints.length)
    const byWeight = new Map<number, WeightClass>()
    for (const [index, { weight, load }] of endpoints.entries()) {
      let one = byWeight.get(weight)
      if (one === undefined) {
        one = { weight, byCount: [[]], least: 0 }
        byWeight.set(weight, one)
        this.#classes.push(one)
      }
      this.#classOf.push(one)
      this.#enter(index, load.inFlight)
      load.observe!(this, index)
    }
    for (const one of this.#classes) settle(one)
  }

  changed(index: number, inFlight: number): void {
    const one = this.#classOf[index]!
    this.#leave(index, one)
    this.#enter(index, inFlight)
    settle(one)
  }

  lost(): void {
    this.isLost = true
  }

  /** One of those with the lowest cost per weight, each with the same chance; -1 where there is nobody. */
  draw(random: Random): number {
    let lowest = Number.POSITIVE_INFINITY
    let ties = 0
    for (const one of this.#classes) {
      const cost = costOf(one)
      if (cost > lowest) continue
      ties = (cost < lowest ? 0 : ties) + one.byCount[one.least]!.length
      lowest = cost
    }
    let place = below(random, ties)
    for (const one of this.#classes) {
      if (costOf(one) !== lowest) continue
      const list = one.byCount[one.least]!
      if (place < list.length) return list[place]!
      place -= list.length
    }
    return -1
  }

  #enter(index: number, count: number): void {
    const one = this.#classOf[index]!
    while (one.byCount.length <= count) one.byCount.push([])
    this.#counts[index] = count
    this.#places[index] = one.byCount[count]!.push(index) - 1
    if (count < one.least) one.least = count
  }

  /** The last of the list takes its place. */
  #leave(index: number, { byCount }: WeightClass): void {
    const list = byCount[this.#counts[index]!]!
    const last = list.pop()!
    if (last === index) return
    const place = this.#places[index]!
    list[place] = last
    this.#places[last] = place
  }
}

/** As `weightedCost` of a load by count. */
function costOf({ least, weight }: WeightClass): number {
  return (least + 1) / weight
}

function settle(one: WeightClass): void {
  while (one.byCount[one.least]!.length === 0) one.least++
}
