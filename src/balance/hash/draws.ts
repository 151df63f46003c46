/**
 * The draws of rendezvous hashing: for a key each name draws a number of 53 bits, xxHash64 of the key XOR that of the name, then mixed
 * (xorshift64*). The shifts of the mixing are linear: those of key XOR name are those of the key XOR those of the name. So each
 * is shifted once, and for a pair only the product is left. It may be highest only if its upper half is, so most are passed
 * over four at a time (`draw-filter.ts`). None can be passed over unseen, by an order kept of the names: each bit of the number depends
 * on all lower bits of key XOR name, so what one part of them says of the height of the draw is undone by the rest.
 */
import { BLOCK_BYTES, DrawFilter, MULTIPLIER_HI, MULTIPLIER_LO, UPPER_BITS } from './draw-filter.ts'
import { Word } from './word.ts'
import { xxHash64 } from './xxhash64.ts'

/** Those of one weight, in blocks of their own; the heaviest come first. */
export interface DrawClass {
  readonly weight: number
  readonly from: number
  /** Behind the last block. */
  readonly end: number
}

/** Four names, as eight words. */
const LANES = 4
const NOBODY = -1
/** Below so many names it takes less time to look at each. */
const FILTER_FROM = 32

export class Draws {
  readonly classes: readonly DrawClass[]
  readonly #blocks: Int32Array
  /** By place, whose it is. */
  readonly #owners: Int32Array
  readonly #key = new Word()
  readonly #drawn = new Word()
  /** What the last `best` drew. */
  highest = NOBODY

  constructor(members: readonly { readonly key: string; readonly weight: number }[]) {
    const byWeight = Map.groupBy(members.keys(), (index) => members[index]!.weight)
    const heaviestFirst = [...byWeight].sort(([a], [b]) => b - a)
    let end = 0
    this.classes = heaviestFirst.map(([weight, indices]) => {
      const from = end
      end += Math.ceil(indices.length / LANES) * LANES
      return { weight, from, end }
    })
    this.#blocks = new Int32Array(end * 2)
    this.#owners = new Int32Array(end).fill(NOBODY)
    for (const { weight, from } of this.classes) {
      for (const [i, index] of byWeight.get(weight)!.entries()) this.#put(from + i, index, members[index]!.key)
    }
  }

  /** For the calls of `best` that follow. What it returns is as good a hash as that of the key, and valid until the next. */
  setKey(key: string): Word {
    return shift(xxHash64(key, 0, this.#key))
  }

  /** Who of a class draws the highest number above `above`, the first of equals; -1 where nobody that is admitted does. */
  best({ from, end }: DrawClass, above: number, admits: ((index: number) => boolean) | undefined): number {
    let best = NOBODY
    this.highest = above
    for (let place = this.#next(from, from, end); place < end; place = this.#next(place + LANES, from, end)) {
      for (let lane = place; lane < place + LANES; lane++) {
        const owner = this.#owners[lane]!
        const drawn = this.#draw(lane)
        if (owner === NOBODY || drawn <= this.highest || admits?.(owner) === false) continue
        best = owner
        this.highest = drawn
      }
    }
    return best
  }

  #put(place: number, owner: number, key: string): void {
    const name = shift(xxHash64(key))
    this.#blocks[upperAt(place)] = name.hi
    this.#blocks[upperAt(place) + LANES] = name.lo
    this.#owners[place] = owner
  }

  /** The next block that may have a higher one. */
  #next(place: number, from: number, end: number): number {
    if (place >= end || end - from < FILTER_FROM) return place
    filter ??= DrawFilter.create() ?? 'none'
    if (filter === 'none') return place
    const least = this.highest < 0 ? NOBODY : Math.floor(this.highest / 2 ** 32)
    const bytes = BLOCK_BYTES / LANES
    return filter.skip(this.#blocks, place * bytes, end * bytes, this.#key, least) / bytes
  }

  /** In [0, 2⁵³). */
  #draw(place: number): number {
    const drawn = this.#drawn
    const at = upperAt(place)
    drawn.set(this.#key.hi ^ this.#blocks[at]!, this.#key.lo ^ this.#blocks[at + LANES]!)
    drawn.multiply(MULTIPLIER)
    return (drawn.hi & UPPER_BITS) * 2 ** 32 + (drawn.lo >>> 0)
  }
}

/** Made when it is needed: most processes never choose by rendezvous. */
let filter: DrawFilter | 'none' | undefined
const MULTIPLIER = new Word(MULTIPLIER_HI, MULTIPLIER_LO)

function shift(word: Word): Word {
  word.xorShiftRight(12)
  word.xorShiftLeft(25)
  word.xorShiftRight(27)
  return word
}

function upperAt(place: number): number {
  return (place >>> 2) * 2 * LANES + (place & 3)
}
