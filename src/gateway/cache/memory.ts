/** Memory for all that a gateway keeps: each route has its own bound, and under `defaults` there may be many routes. */
import type { Store } from './store.ts'

export class CacheMemory {
  readonly #maxBytes: number
  /** In order of use; one of a route that there is no more comes to the front and is emptied first. */
  readonly #stores = new Set<Store>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    let total = 0
    for (const { bytes } of this.#stores) total += bytes
    return total
  }

  used(store: Store): void {
    this.#stores.delete(store)
    this.#stores.add(store)
  }

  /** To be called when something was put into a store: what was unused for longest goes, of the store unused for longest. */
  trim(): void {
    for (let over = this.bytes - this.#maxBytes; over > 0; over = this.bytes - this.#maxBytes) {
      const [store] = this.#stores
      if (store!.bytes > 0) store!.deleteOldest()
      else this.#stores.delete(store!)
    }
  }
}
