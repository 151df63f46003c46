/** Small helpers that every policy shares. */
import type { Endpoint, PickRequest } from './contract.ts'

export function isEligible(endpoint: Endpoint, request: PickRequest): boolean {
  return request.eligible === undefined || request.eligible(endpoint)
}

/** The eligible ones, in order, less those refused before: O(n), so policies try a few draws first. */
export function eligibleOf<E extends Endpoint>(
  endpoints: readonly E[],
  { eligible }: PickRequest,
  refused?: Refused,
): readonly E[] {
  if (eligible === undefined) return endpoints
  return endpoints.filter((endpoint, place) => refused?.has(place) !== true && eligible(endpoint))
}

type Eligible = NonNullable<PickRequest['eligible']>

/**
 * Who has been refused for one pick, by place: within slow start the answer is a draw, and to be asked again would be another chance. The
 * first `most` are remembered.
 */
export class Refused {
  readonly #places: Int32Array
  count = 0

  constructor(most: number) {
    this.#places = new Int32Array(most)
  }

  has(place: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.#places[i] === place) return true
    return false
  }

  /** Asks of two; whoever is not eligible is remembered. */
  isEither(a: Endpoint, placeOfA: number, b: Endpoint, placeOfB: number, eligible: Eligible): boolean {
    return this.#isOut(a, placeOfA, eligible) || this.#isOut(b, placeOfB, eligible)
  }

  #isOut(endpoint: Endpoint, place: number, eligible: Eligible): boolean {
    if (this.count > 0 && this.has(place)) return true
    if (eligible(endpoint)) return false
    if (this.count < this.#places.length) this.#places[this.count++] = place
    return true
  }
}

/** Who is healthy, for what counts them. */
export function healthOf({ healthy, eligible = everyone }: PickRequest): (endpoint: Endpoint) => boolean {
  return healthy ?? eligible
}

/** The request when health is ignored: those already tried stay out. Nobody counts as healthy, so nothing is shared out by health below. */
export function heedless(request: PickRequest): PickRequest {
  return { ...request, eligible: request.eligibleInPanic, healthy: nobody }
}

export const everyone = () => true
const nobody = () => false

/** Keeps what `build` derives from a snapshot until another array object comes (see `Policy.pick`). */
export function perSnapshot<T>(build: (endpoints: readonly Endpoint[]) => T): (endpoints: readonly Endpoint[]) => T {
  let last: readonly Endpoint[] | undefined
  let derived!: T
  return (endpoints) => {
    if (endpoints !== last) {
      derived = build(endpoints)
      last = endpoints
    }
    return derived
  }
}

/** Cost per unit of weight. */
export function weightedCost({ load, weight }: Endpoint, { now }: PickRequest): number {
  return load.cost(now) / weight
}

/** The weights laid end to end: where each endpoint's part ends. */
export function runningSums(endpoints: readonly Endpoint[]): Float64Array {
  let sum = 0
  return Float64Array.from(endpoints, ({ weight }) => (sum += weight))
}

/** Index of the first element ≥ `wanted` in an ascending list; its length when there is none. */
export function lowerBound(sorted: Float64Array, wanted: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}
