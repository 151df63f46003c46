/** Who waits for which resource. Waking costs in proportion to those who wait for what was touched, nobody else notices. */
import { KEY, UNDER, underResource } from './state/resources.ts'

export class WatchHub {
  readonly #waiting = new Map<string, Set<() => void>>()
  /** Lengths of the prefixes that somebody waits for → how many do: a changed key is cut at these lengths only. */
  readonly #prefixLengths = new Map<number, number>()
  #count = 0
  #closed = false
  #answering = false

  /** How many wait. */
  get size(): number {
    return this.#count
  }

  /** Calls `wake` each time one of `resources` is touched, until the returned function is called. */
  add(resources: readonly string[], wake: () => void): () => void {
    this.#count++
    const forget = this.follow(resources, wake)
    let gone = false
    return () => {
      if (gone) return
      gone = true
      this.#count--
      forget()
    }
  }

  /** The same for the registry's own parts: they are no clients, so they count for no limit. Each needs a `wake` of its own. */
  follow(resources: readonly string[], wake: () => void): () => void {
    for (const resource of resources) this.#addOne(resource, wake)
    return () => {
      for (const resource of resources) this.#removeOne(resource, wake)
    }
  }

  publish(touched: Iterable<string>): void {
    const waking = new Set<() => void>()
    for (const resource of touched) {
      this.#collect(resource, waking)
      if (resource.startsWith(KEY)) this.#collectPrefixes(resource.slice(KEY.length), waking)
    }
    for (const wake of waking) wake()
  }

  /** True once nobody may wait any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** True while everybody who is woken has to answer, news or not. */
  get answering(): boolean {
    return this.#closed || this.#answering
  }

  /** Has everybody look again. */
  wakeAll(): void {
    this.publish([...this.#waiting.keys()])
  }

  /** Has everybody answer now: what they wait for may never come, as indexes went down. */
  answerAll(): void {
    this.#answering = true
    this.wakeAll()
    this.#answering = false
  }

  /** Wakes everybody: the registry closes. */
  close(): void {
    this.#closed = true
    this.answerAll()
  }

  #collect(resource: string, waking: Set<() => void>): void {
    for (const wake of this.#waiting.get(resource) ?? []) waking.add(wake)
  }

  #collectPrefixes(key: string, waking: Set<() => void>): void {
    for (const length of this.#prefixLengths.keys()) {
      if (length <= key.length) this.#collect(underResource(key.slice(0, length)), waking)
    }
  }

  #addOne(resource: string, wake: () => void): void {
    const known = this.#waiting.get(resource)
    if (known !== undefined) known.add(wake)
    else this.#waiting.set(resource, new Set([wake]))
    this.#countPrefix(resource, 1)
  }

  #removeOne(resource: string, wake: () => void): void {
    const known = this.#waiting.get(resource)
    if (known?.delete(wake) === true && known.size === 0) this.#waiting.delete(resource)
    this.#countPrefix(resource, -1)
  }

  #countPrefix(resource: string, by: 1 | -1): void {
    if (!resource.startsWith(UNDER)) return
    const length = resource.length - UNDER.length
    const count = (this.#prefixLengths.get(length) ?? 0) + by
    if (count === 0) this.#prefixLengths.delete(length)
    else this.#prefixLengths.set(length, count)
  }
}
