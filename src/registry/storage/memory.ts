/** Keeps nothing beyond the process: for tests and trials. */
import { SkeinError } from '../../core/errors.ts'
import type { Decide, Storage, StorageEvents, View } from '../storage.ts'

export class MemoryStorage implements Storage {
  readonly #events: StorageEvents
  #view: View | undefined
  #index = 0

  constructor(events: StorageEvents = {}) {
    this.#events = events
  }

  async open(view: View): Promise<void> {
    view.load([], 0)
    this.#view = view
  }

  async write(decide: Decide): Promise<void> {
    const view = this.#view
    if (view === undefined) throw new SkeinError('STORAGE_FAILED', 'the memory storage is closed')
    const changes = decide()
    if (changes.length === 0) return
    view.apply(changes, this.#index + 1)
    this.#index += 1
    this.#events.onCommit?.(1, 0)
    view.publish()
  }

  async close(): Promise<void> {
    this.#view = undefined
  }
}
