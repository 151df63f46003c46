/**
 * When keys were deleted: `kv?recurse` must report an index that moves when a key under its prefix goes. Bounded: past
 * `max` the older half is forgotten, and every prefix then reports at least the newest index forgotten. That may wake
 * a watcher for nothing, never too late.
 */
import type { Journal } from './tables.ts'

export class Tombstones {
  /** Re-inserted on every deletion, so iteration runs from old to new. */
  readonly #deleted = new Map<string, number>()
  readonly #max: number
  #floor = 0

  constructor(max = 4096) {
    this.#max = max
  }

  /** Indexes of deletions before `index` are unknown: the storage was loaded at it. */
  reset(index: number): void {
    this.#deleted.clear()
    this.#floor = index
  }

  add(journal: Journal, key: string, index: number): void {
    journal.delete(this.#deleted, key)
    journal.set(this.#deleted, key, index)
    if (this.#deleted.size > this.#max) this.#forget(journal)
  }

  /** The index of the last deletion under `prefix`, as far as remembered. */
  under(prefix: string): number {
    let last = this.#floor
    for (const [key, index] of this.#deleted) if (index > last && key.startsWith(prefix)) last = index
    return last
  }

  #forget(journal: Journal): void {
    const before = this.#floor
    for (const [key, index] of [...this.#deleted].slice(0, this.#max / 2)) {
      journal.delete(this.#deleted, key)
      this.#floor = Math.max(this.#floor, index)
    }
    journal.run(
      () => {},
      () => {
        this.#floor = before
      },
    )
  }
}
