/**
 * Whether etcd takes writes, for people and their monitors. A write that fails says no; from then on a write is tried every
 * second that changes nothing, until one is taken: so the registry is known to be well again before a user finds out.
 */
import { SkeinError } from '../../../core/errors.ts'
import type { StorageEvents } from '../../storage.ts'
import type { Etcd } from './contract.ts'
import { EtcdError } from './contract.ts'
import { storageError } from './error.ts'
import type { Keys } from './keys.ts'

export class Health {
  readonly #etcd: Etcd
  readonly #keys: Keys
  readonly #events: StorageEvents
  #failure: SkeinError | undefined

  constructor(etcd: Etcd, keys: Keys, events: StorageEvents) {
    this.#etcd = etcd
    this.#keys = keys
    this.#events = events
  }

  get failure(): SkeinError | undefined {
    return this.#failure
  }

  /** What a call of etcd failed with. What only concerns that call (a lease that is gone) is not about health. */
  failed(error: unknown): void {
    if (!(error instanceof EtcdError) || error.fault === 'no-lease' || error.fault === 'refused') return
    const failure = storageError(error)
    if (!(failure instanceof SkeinError)) return
    const isNew = this.#failure === undefined
    this.#failure = failure
    if (isNew) this.#events.onHealth?.(failure)
  }

  worked(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#events.onHealth?.(undefined)
  }

  /** @throws EtcdError when etcd would take no write. */
  async tryAgain(): Promise<void> {
    if (this.#failure === undefined) return
    await this.#etcd.confirm(this.#keys.lastWrite)
    this.worked()
  }
}
