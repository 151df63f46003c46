/**
 * Strings in the order of their UTF-8 bytes, with the range of a prefix found by bisection. They lie in blocks, so that
 * adding and removing moves a few hundred of them and not all. Not chosen: a balanced tree, several times the memory and
 * code for the same cost.
 */
export class SortedKeys {
  /** None is empty. */
  #blocks: string[][] = []

  /** Replaces all; O(n log n), for loading. */
  load(keys: Iterable<string>): void {
    const sorted = [...keys].sort(compareBytes)
    this.#blocks = []
    for (let at = 0; at < sorted.length; at += BLOCK_MAX / 2) this.#blocks.push(sorted.slice(at, at + BLOCK_MAX / 2))
  }

  add(key: string): void {
    const block = this.#blocks[this.#blockOf(key)]
    if (block === undefined) {
      this.#blocks.push([key])
      return
    }
    const at = lowerBound(block, key)
    if (block[at] !== key) block.splice(at, 0, key)
    if (block.length > BLOCK_MAX) this.#blocks.splice(this.#blockOf(key) + 1, 0, block.splice(BLOCK_MAX / 2))
  }

  remove(key: string): void {
    const number = this.#blockOf(key)
    const block = this.#blocks[number] ?? []
    const at = lowerBound(block, key)
    if (block[at] !== key) return
    block.splice(at, 1)
    if (block.length === 0) this.#blocks.splice(number, 1)
  }

  /** Those that start with `prefix`, in order. Not to be changed while it is walked. */
  *under(prefix: string): Generator<string> {
    let at = lowerBound(this.#blocks[this.#blockOf(prefix)] ?? [], prefix)
    for (let number = this.#blockOf(prefix); number < this.#blocks.length; number++, at = 0) {
      const block = this.#blocks[number]!
      for (; at < block.length; at++) {
        const key = block[at]!
        if (!key.startsWith(prefix)) return
        yield key
      }
    }
  }

  /** The last block that begins at `key` or before it; else the first. */
  #blockOf(key: string): number {
    const after = partition(this.#blocks, ([first]) => compareBytes(first!, key) <= 0)
    return Math.max(0, after - 1)
  }
}

const BLOCK_MAX = 512

const lowerBound = (keys: readonly string[], key: string) => partition(keys, (one) => compareBytes(one, key) < 0)

/** How many of `items` come before: those for which `isBefore` holds are all at the beginning. */
function partition<T>(items: readonly T[], isBefore: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(items[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}

/** Order of the UTF-8 encodings. It differs from JavaScript's own only where surrogates meet U+E000 … U+FFFF. */
function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const rank = (unit: number) => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)
