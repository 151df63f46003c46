/**
 * Smooth weighted round robin among those that may be chosen, without a look at each: those of one weight gain the same with
 * each pick, so their order among themselves stays, and a pick compares the first of each weight. The sequence is exactly that of
 * the scan. Its price: a change of members or of who may be chosen, and a failure, cost a scan and a sort.
 */
import { Heap } from '../core/heap.ts'
import type { Turn } from './turns.ts'

interface Place {
  readonly index: number
  /** `current` less what its class has gained. */
  base: number
}

/** Those of one weight, the highest current weight first; of equal ones the one that stands first. */
interface WeightClass {
  readonly weight: number
  readonly places: Heap<Place>
  gained: number
}

export class TurnClasses {
  readonly #turns: readonly Turn[]
  readonly #classes: WeightClass[] = []
  #total = 0

  /** Of those `inside`, by index; their effective weights must be their weights. */
  constructor(turns: readonly Turn[], inside: readonly number[]) {
    this.#turns = turns
    const byWeight = new Map<number, WeightClass>()
    for (const index of inside) {
      const { weight, current } = turns[index]!
      let one = byWeight.get(weight)
      if (one === undefined) {
        one = { weight, places: new Heap<Place>(isBefore), gained: 0 }
        byWeight.set(weight, one)
        this.#classes.push(one)
      }
      one.places.push({ index, base: current })
      this.#total += weight
    }
  }

  /** Index of the one whose turn it is, or -1 where there is none. */
  next(): number {
    let best: WeightClass | undefined
    let bestCurrent = 0
    for (const one of this.#classes) {
      one.gained += one.weight
      const first = one.places.peek()!
      const current = first.base + one.gained
      const leads = best === undefined || current > bestCurrent
      if (!leads && (current < bestCurrent || first.index > best!.places.peek()!.index)) continue
      best = one
      bestCurrent = current
    }
    if (best === undefined) return -1
    const place = best.places.pop()!
    place.base -= this.#total
    best.places.push(place)
    return place.index
  }

  /** Writes the current weights back, for a scan. */
  settle(): void {
    for (const { places, gained } of this.#classes) {
      for (let place = places.pop(); place !== undefined; place = places.pop()) {
        this.#turns[place.index]!.current = place.base + gained
      }
    }
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.base > b.base || (a.base === b.base && a.index < b.index)
}
