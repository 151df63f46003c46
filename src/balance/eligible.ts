/** Small helpers that every policy shares. */
import type { Endpoint, PickRequest } from './contract.ts'

export function isEligible(endpoint: Endpoint, request: PickRequest): boolean {
  return request.eligible === undefined || request.eligible(endpoint)
}

/** The eligible ones, in order: O(n), so policies try a few draws first. */
export function eligibleOf<E extends Endpoint>(endpoints: readonly E[], request: PickRequest): readonly E[] {
  const { eligible } = request
  return eligible === undefined ? endpoints : endpoints.filter((endpoint) => eligible(endpoint))
}

/**
 * Who is eligible for one pick, by place, each asked once: within slow start the answer is a draw, and to be asked again would be another
 * chance. The first `most` are remembered.
 */
export class AskedOnce {
  readonly #places: Int32Array
  readonly #answers: Uint8Array
  #count = 0
  #eligible: PickRequest['eligible']

  constructor(most: number) {
    this.#places = new Int32Array(most)
    this.#answers = new Uint8Array(most)
  }

  begin(eligible: PickRequest['eligible']): void {
    this.#eligible = eligible
    this.#count = 0
  }

  isEligible(endpoint: Endpoint, place: number): boolean {
    if (this.#eligible === undefined) return true
    for (let i = 0; i < this.#count; i++) if (this.#places[i] === place) return this.#answers[i] === 1
    const answer = this.#eligible(endpoint)
    if (this.#count === this.#places.length) return answer
    this.#places[this.#count] = place
    this.#answers[this.#count++] = answer ? 1 : 0
    return answer
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
