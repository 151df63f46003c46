import { SharingPause } from './sharing-pause.ts'

/**
 * Connections to one address. Idle ones are taken newest first (LIFO), so that surplus ones fall idle and close. None waits for
 * one that is taken: waiting belongs where it is counted.
 */
export class Pool<C> {
  /** All, also those that are still connecting. */
  readonly connections = new Set<C>()
  /** It takes more requests of this turn of the event loop. */
  open: C | undefined
  /** While it is not over, requests share no connections. */
  readonly sharingPause = new SharingPause()
  readonly #idle: C[] = []
  readonly #onEmpty: () => void

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  take(): C | undefined {
    return this.#idle.pop()
  }

  add(connection: C): void {
    this.connections.add(connection)
  }

  giveBack(connection: C): void {
    if (this.connections.has(connection)) this.#idle.push(connection)
  }

  remove(connection: C): void {
    if (this.open === connection) this.open = undefined
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.connections.delete(connection) && this.connections.size === 0) this.#onEmpty()
  }
}
