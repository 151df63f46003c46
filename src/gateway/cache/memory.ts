/** Memory for all that a gateway keeps: each route has its own bound, and under `defaults` there may be many routes. */
import type { Store } from './store.ts'

export class CacheMemory {
  readonly #maxBytes: number
  /** In order of use; one of a route that there is no more comes to the front and is emptied first. */
  readonly #stores = new Set<Store>()
  /** Of all of them. */
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  used(store: Store): void {
    if (!this.#stores.delete(store)) this.#watch(store)
    this.#stores.add(store)
  }

  /** A sum that is kept, as there may be ten thousand stores. */
  #watch(store: Store): void {
    this.#bytes += store.bytes
    store.onChange = (bytes) => {
      this.#bytes += bytes
    }
  }

  /** To be called when something was put into a store: what was unused for longest goes, of the store unused for longest. */
  trim(): void {
    while (this.#bytes > this.#maxBytes) {
      const [store] = this.#stores
      if (store!.bytes > 0) store!.deleteOldest()
      else this.#leave(store!)
    }
  }

  #leave(store: Store): void {
    this.#stores.delete(store)
    store.onChange = () => {}
  }
}
