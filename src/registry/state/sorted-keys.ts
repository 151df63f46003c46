/** Strings in the order of their UTF-8 bytes, with the range of a prefix found by bisection. */
export class SortedKeys {
  #keys: string[] = []

  /** Replaces all; O(n log n), for loading. */
  load(keys: Iterable<string>): void {
    this.#keys = [...keys].sort(compareBytes)
  }

  add(key: string): void {
    const at = this.#lowerBound(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  remove(key: string): void {
    const at = this.#lowerBound(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /** Those that start with `prefix`, in order. Not to be changed while it is walked. */
  *under(prefix: string): Generator<string> {
    for (let at = this.#lowerBound(prefix); at < this.#keys.length; at++) {
      const key = this.#keys[at]!
      if (!key.startsWith(prefix)) return
      yield key
    }
  }

  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes(this.#keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Order of the UTF-8 encodings. It differs from JavaScript's own only where surrogates meet U+E000 … U+FFFF. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const rank = (unit: number) => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)
