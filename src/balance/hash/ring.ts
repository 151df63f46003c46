/**
 * A ring of points that is kept from one snapshot to the next: a change of members takes out the points of who went and merges in
 * those of who came, in one pass over what is sorted already. Building it anew costs ten to twenty times as much. Hashes are 64 bits
 * in two halves; rings of 32 bits use the upper one.
 */

/** Points in ascending order; of equal hashes the one of the first member comes first. */
export interface Points {
  readonly hi: Uint32Array
  readonly lo: Uint32Array
  /** Index of the member at each point. */
  readonly owners: Uint32Array
}

/** A member of the ring and how many points it has. Without repetition: who shares a key shares its points. */
export interface Member {
  readonly key: string
  readonly points: number
}

/** Writes the hashes of one member's points from index `at` on. */
export type HashPoints = (member: Member, hi: Uint32Array, lo: Uint32Array, at: number) => void

export class RingKeeper {
  readonly #hash: HashPoints
  #members: readonly Member[] = []
  #points: Points = blank(0)
  /** Of the ring before: taken again, as new memory of some megabytes costs more than what is written into it. */
  #spare: Points = blank(0)

  constructor(hash: HashPoints) {
    this.#hash = hash
  }

  /** What it returns is valid until the update after the next. */
  update(members: readonly Member[]): Points {
    const moved = movesBetween(this.#members, members)
    const stayed = new Set(moved)
    const came = members.flatMap((_, owner) => (stayed.has(owner) ? [] : [owner]))
    const fresh = sorted(this.#pointsOf(members, came))
    this.#members = members
    const old = this.#points
    this.#points = moved.every((owner) => owner < 0) ? fresh : merged(old, moved, fresh, this.#room(old, fresh))
    this.#spare = old
    return this.#points
  }

  /** For both together. */
  #room(old: Points, fresh: Points): Points {
    const size = old.hi.length + fresh.hi.length
    const { hi, lo, owners } = this.#spare
    const whole = hi.buffer.byteLength / hi.BYTES_PER_ELEMENT
    if (whole < size || whole > 2 * size) return blank(Math.ceil(size * SLACK))
    return { hi: new Uint32Array(hi.buffer), lo: new Uint32Array(lo.buffer), owners: new Uint32Array(owners.buffer) }
  }

  #pointsOf(members: readonly Member[], owners: readonly number[]): Points {
    const points = blank(owners.reduce((sum, owner) => sum + members[owner]!.points, 0))
    let at = 0
    for (const owner of owners) {
      this.#hash(members[owner]!, points.hi, points.lo, at)
      points.owners.fill(owner, at, at + members[owner]!.points)
      at += members[owner]!.points
    }
    return points
  }
}

/** So that the next few members find room as well. */
const SLACK = 1.125

function blank(size: number): Points {
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
function sorted(points: Points): Points {
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
function insertionSort({ hi, lo, owners }: Points): void {
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

/** The old points of members that stayed, under their new index, and the fresh ones. */
function merged(old: Points, moved: Int32Array, fresh: Points, out: Points): Points {
  let size = 0
  let from = 0
  for (let next = 0; next <= fresh.hi.length; next++) {
    const end = next < fresh.hi.length ? placeOf(fresh, next, old, moved, from) : old.hi.length
    size = keep(old, from, end, moved, out, size)
    if (next < fresh.hi.length) put(out, size++, fresh, next)
    from = end
  }
  return { hi: out.hi.subarray(0, size), lo: out.lo.subarray(0, size), owners: out.owners.subarray(0, size) }
}

/** Copies the points `from` up to `end` of members that stayed; returns where the next go. */
function keep(old: Points, from: number, end: number, moved: Int32Array, out: Points, at: number): number {
  const { owners } = old
  const { owners: to } = out
  let size = at
  let begun = from
  for (let i = from; i < end; i++) {
    const owner = moved[owners[i]!]!
    if (owner >= 0) to[size + i - begun] = owner
    else {
      size = copyHashes(old, begun, i, out, size)
      begun = i + 1
    }
  }
  return copyHashes(old, begun, end, out, size)
}

/** Below so many points a loop takes less time than telling the engine what to copy. */
const BULK_FROM = 24

function copyHashes({ hi, lo }: Points, from: number, end: number, out: Points, at: number): number {
  if (end - from >= BULK_FROM) {
    out.hi.set(hi.subarray(from, end), at)
    out.lo.set(lo.subarray(from, end), at)
  } else {
    for (let i = from; i < end; i++) {
      out.hi[at + i - from] = hi[i]!
      out.lo[at + i - from] = lo[i]!
    }
  }
  return at + end - from
}

function put(to: Points, at: number, from: Points, index: number): void {
  to.hi[at] = from.hi[index]!
  to.lo[at] = from.lo[index]!
  to.owners[at] = from.owners[index]!
}

/** Before which of the old points, from `start` on, the fresh one stands: of equal hashes that of the first member comes first. */
function placeOf(fresh: Points, index: number, { hi, lo, owners }: Points, moved: Int32Array, start: number): number {
  const high = fresh.hi[index]!
  const low = fresh.lo[index]!
  const isBelow = (at: number) => hi[at]! < high || (hi[at] === high && lo[at]! < low)
  let from = start
  let step = 1
  for (; from + step < hi.length && isBelow(from + step); step *= 2) from += step
  let place = lowerBoundOf(isBelow, from, Math.min(hi.length, from + step))
  while (hi[place] === high && lo[place] === low && moved[owners[place]!]! < fresh.owners[index]!) place++
  return place
}

/** The first in [from, to) that is not below, or `to`. */
function lowerBoundOf(isBelow: (at: number) => boolean, from: number, to: number): number {
  let [first, end] = [from, to]
  while (first < end) {
    const middle = (first + end) >>> 1
    if (isBelow(middle)) first = middle + 1
    else end = middle
  }
  return first
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
  return out
}

/** Index of the first point at or after the hash, or 0 beyond the last. */
export function pointAt({ hi, lo }: Points, high: number, low: number): number {
  let from = 0
  let to = hi.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (hi[middle]! < high || (hi[middle] === high && lo[middle]! < low)) from = middle + 1
    else to = middle
  }
  return from === hi.length ? 0 : from
}
