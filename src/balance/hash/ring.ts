/**
 * A ring of points that is kept from one snapshot to the next: a change of members takes out the points of who went and puts in those of
 * who came, and what lies between is copied as it is. Building it anew costs fifty times as much. Hashes are 64 bits in two halves; rings of
 * 32 bits use the upper one.
 */

/** Points in ascending order; of equal hashes the one of the first member comes first. */
export interface Points {
  readonly hi: Uint32Array
  readonly lo: Uint32Array
  /** At each point the number of its owner, which a member keeps while others come and go. */
  readonly owners: Uint32Array
  /** By number, the index of the member; -1 = nobody has it. */
  readonly members: Int32Array
}

/** A member of the ring and how many points it has. Without repetition: who shares a key shares its points. */
export interface Member {
  readonly key: string
  readonly points: number
}

/** Writes the hashes of one member's points from index `at` on. */
export type HashPoints = (member: Member, hi: Uint32Array, lo: Uint32Array, at: number) => void

type Hashes = Omit<Points, 'members'>

export class RingKeeper {
  readonly #hash: HashPoints
  #members: readonly Member[] = []
  /** By index, each member's number. */
  #numbers = new Int32Array(0)
  /** Numbers that nobody has any more; those of who goes are given away with the next change only. */
  #free: number[] = []
  #points: Points = { ...blank(0), members: new Int32Array(0) }
  /** Of the ring before: taken again, as new memory of some megabytes costs more than what is written into it. */
  #spare: Hashes = blank(0)

  constructor(hash: HashPoints) {
    this.#hash = hash
  }

  /** What it returns is valid until the update after the next. */
  update(members: readonly Member[]): Points {
    const moved = movesBetween(this.#members, members)
    const went = [...moved.keys()].filter((index) => moved[index]! < 0)
    if (went.length === moved.length) this.#begin(members)
    else this.#change(members, moved, went)
    this.#members = members
    return this.#points
  }

  #begin(members: readonly Member[]): void {
    this.#numbers = Int32Array.from(members.keys())
    this.#free = []
    this.#spare = this.#points
    this.#points = { ...sorted(this.#pointsOf(members, [...members.keys()], this.#numbers)), members: this.#numbers }
  }

  #change(members: readonly Member[], moved: Int32Array, went: readonly number[]): void {
    const numbers = new Int32Array(members.length).fill(-1)
    for (let index = 0; index < moved.length; index++) {
      if (moved[index]! >= 0) numbers[moved[index]!] = this.#numbers[index]!
    }
    let next = this.#numbers.length + this.#free.length
    const came = [...numbers.keys()].filter((index) => numbers[index]! < 0)
    for (const index of came) numbers[index] = this.#free.pop() ?? next++
    const byNumber = new Int32Array(next).fill(-1)
    for (let index = 0; index < numbers.length; index++) byNumber[numbers[index]!] = index
    const gone = sorted(this.#pointsOf(this.#members, went, this.#numbers))
    const fresh = sorted(this.#pointsOf(members, came, numbers))
    this.#free.push(...went.map((index) => this.#numbers[index]!))
    this.#numbers = numbers
    const old = this.#points
    this.#points = { ...spliced(old, gone, fresh, byNumber, this.#room(old, fresh)), members: byNumber }
    this.#spare = old
  }

  /** For both together. */
  #room(old: Hashes, fresh: Hashes): Hashes {
    const size = old.hi.length + fresh.hi.length
    const { hi, lo, owners } = this.#spare
    const whole = hi.buffer.byteLength / hi.BYTES_PER_ELEMENT
    if (whole < size || whole > 2 * size) return blank(Math.ceil(size * SLACK))
    return { hi: new Uint32Array(hi.buffer), lo: new Uint32Array(lo.buffer), owners: new Uint32Array(owners.buffer) }
  }

  #pointsOf(members: readonly Member[], which: readonly number[], numbers: Int32Array): Hashes {
    const points = blank(which.reduce((sum, index) => sum + members[index]!.points, 0))
    let at = 0
    for (const index of which) {
      this.#hash(members[index]!, points.hi, points.lo, at)
      points.owners.fill(numbers[index]!, at, at + members[index]!.points)
      at += members[index]!.points
    }
    return points
  }
}

/** So that the next few members find room as well. */
const SLACK = 1.125

function blank(size: number): Hashes {
  return { hi: new Uint32Array(size), lo: new Uint32Array(size), owners: new Uint32Array(size) }
}

/**
 * For each old member its new index, or -1 where it has gone or has another number of points. All are -1 where keys repeat
 * or the order of those that stayed is another: then nothing can be kept.
 */
function movesBetween(before: readonly Member[], now: readonly Member[]): Int32Array {
  const places = new Map(now.map(({ key }, index) => [key, index]))
  const moved = new Int32Array(before.length).fill(-1)
  let last = -1
  for (const [index, { key, points }] of before.entries()) {
    const place = places.get(key)
    if (place === undefined || now[place]!.points !== points) continue
    if (place <= last || places.size < now.length) return moved.fill(-1)
    moved[index] = last = place
  }
  return moved
}

/**
 * Hashes are spread evenly, so one pass puts each point into a bucket of a few, and insertion does the rest. Three times as fast as
 * the engine's sort, which cannot carry the owners along.
 */
function sorted(points: Hashes): Hashes {
  const { hi, lo, owners } = points
  const bits = Math.min(20, Math.max(1, Math.ceil(Math.log2(hi.length + 1)) - 1))
  const shift = 32 - bits
  const ends = new Uint32Array(2 ** bits + 1)
  for (let i = 0; i < hi.length; i++) ends[(hi[i]! >>> shift) + 1]!++
  for (let bucket = 1; bucket < ends.length; bucket++) ends[bucket]! += ends[bucket - 1]!
  const out = blank(hi.length)
  for (let i = 0; i < hi.length; i++) {
    const to = ends[hi[i]! >>> shift]!++
    out.hi[to] = hi[i]!
    out.lo[to] = lo[i]!
    out.owners[to] = owners[i]!
  }
  insertionSort(out)
  return out
}

/** Stable, so of equal hashes the first member's stays first. */
function insertionSort({ hi, lo, owners }: Hashes): void {
  for (let i = 1; i < hi.length; i++) {
    const [high, low] = [hi[i]!, lo[i]!]
    if (hi[i - 1]! < high || (hi[i - 1] === high && lo[i - 1]! <= low)) continue
    const owner = owners[i]!
    let to = i
    for (; to > 0 && (hi[to - 1]! > high || (hi[to - 1] === high && lo[to - 1]! > low)); to--) {
      hi[to] = hi[to - 1]!
      lo[to] = lo[to - 1]!
      owners[to] = owners[to - 1]!
    }
    hi[to] = high
    lo[to] = low
    owners[to] = owner
  }
}

/** The old points without those that are gone, and the fresh ones. `members` are the new ones' indices, by number. */
function spliced(old: Hashes, gone: Hashes, fresh: Hashes, members: Int32Array, out: Hashes): Hashes {
  const end = old.hi.length
  let [size, from, left, next] = [0, 0, 0, 0]
  let leaves = left < gone.hi.length ? placeOfGone(gone, left, old, from) : end
  let enters = next < fresh.hi.length ? placeOfFresh(fresh, next, old, members, from) : end
  while (left < gone.hi.length || next < fresh.hi.length) {
    const isFresh = next < fresh.hi.length && enters <= leaves
    const place = isFresh ? enters : leaves
    size = copy(old, from, place, out, size)
    from = isFresh ? place : place + 1
    if (isFresh) {
      copy(fresh, next, ++next, out, size++)
      enters = next < fresh.hi.length ? placeOfFresh(fresh, next, old, members, from) : end
    } else leaves = ++left < gone.hi.length ? placeOfGone(gone, left, old, from) : end
  }
  size = copy(old, from, end, out, size)
  return { hi: out.hi.subarray(0, size), lo: out.lo.subarray(0, size), owners: out.owners.subarray(0, size) }
}

/** Below so many points a loop takes less time than telling the engine what to copy. */
const BULK_FROM = 24

/** Returns where the next go. */
function copy({ hi, lo, owners }: Hashes, from: number, end: number, out: Hashes, at: number): number {
  if (end - from >= BULK_FROM) {
    out.hi.set(hi.subarray(from, end), at)
    out.lo.set(lo.subarray(from, end), at)
    out.owners.set(owners.subarray(from, end), at)
  } else {
    for (let i = from; i < end; i++) {
      out.hi[at + i - from] = hi[i]!
      out.lo[at + i - from] = lo[i]!
      out.owners[at + i - from] = owners[i]!
    }
  }
  return at + end - from
}

/** Where in the old points, from `start` on, the one that goes is. */
function placeOfGone(gone: Hashes, index: number, old: Hashes, start: number): number {
  let place = firstNotBelow(old, gone.hi[index]!, gone.lo[index]!, start)
  while (old.owners[place] !== gone.owners[index]) place++
  return place
}

/** Before which of the old points, from `start` on, the fresh one stands: of equal hashes that of the first member comes first. */
function placeOfFresh(
  fresh: Hashes,
  index: number,
  { hi, lo, owners }: Hashes,
  members: Int32Array,
  start: number,
): number {
  const [high, low] = [fresh.hi[index]!, fresh.lo[index]!]
  const owner = members[fresh.owners[index]!]!
  let place = firstNotBelow({ hi, lo }, high, low, start)
  while (hi[place] === high && lo[place] === low && members[owners[place]!]! < owner) place++
  return place
}

/** The first at `start` or behind it that is not below the hash; steps double, as it is near where many are looked for. */
function firstNotBelow({ hi, lo }: Pick<Points, 'hi' | 'lo'>, high: number, low: number, start: number): number {
  const isBelow = (at: number) => hi[at]! < high || (hi[at] === high && lo[at]! < low)
  let from = start
  let step = 1
  for (; from + step < hi.length && isBelow(from + step); step *= 2) from += step
  let end = Math.min(hi.length, from + step)
  while (from < end) {
    const middle = (from + end) >>> 1
    if (isBelow(middle)) from = middle + 1
    else end = middle
  }
  return from
}

/** Without the points whose hash another has before them. */
export function withoutRepeats(points: Points): Points {
  const { hi, lo } = points
  const repeats: number[] = []
  for (let i = 1; i < hi.length; i++) if (hi[i] === hi[i - 1] && lo[i] === lo[i - 1]) repeats.push(i)
  if (repeats.length === 0) return points
  const out = blank(hi.length - repeats.length)
  let from = 0
  for (const [skipped, end] of [...repeats, hi.length].entries()) {
    for (const name of ['hi', 'lo', 'owners'] as const) out[name].set(points[name].subarray(from, end), from - skipped)
    from = end + 1
  }
  return { ...out, members: points.members }
}

/** Index of the first point at or after the hash, or 0 beyond the last. */
export function pointAt({ hi, lo }: Pick<Points, 'hi' | 'lo'>, high: number, low: number): number {
  let from = 0
  let to = hi.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (hi[middle]! < high || (hi[middle] === high && lo[middle]! < low)) from = middle + 1
    else to = middle
  }
  return from === hi.length ? 0 : from
}
