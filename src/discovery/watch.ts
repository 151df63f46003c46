/** The part that every source shares: the current snapshot, those who wait for the first one, those who listen. */
import type { Instance, Snapshot, Watch } from './contract.ts'

/** A watch whose source publishes into it. */
export class PublishedWatch implements Watch {
  readonly #service: string
  readonly #listeners = new Set<(snapshot: Snapshot) => void>()
  #waiting: ((snapshot: Snapshot) => void)[] = []
  #current: Snapshot | undefined

  constructor(service: string) {
    this.#service = service
  }

  current(): Snapshot | undefined {
    return this.#current
  }

  ready(signal?: AbortSignal): Promise<Snapshot> {
    if (this.#current !== undefined) return Promise.resolve(this.#current)
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        this.#waiting = this.#waiting.filter((one) => one !== arrive)
        reject(signal?.reason)
      }
      const arrive = (snapshot: Snapshot) => {
        signal?.removeEventListener('abort', abort)
        resolve(snapshot)
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(arrive)
    })
  }

  subscribe(listener: (snapshot: Snapshot) => void): () => void {
    // A wrapper of its own for each call: the same function may be subscribed twice and stopped once.
    const own = (snapshot: Snapshot) => listener(snapshot)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /**
   * Makes a snapshot current and tells everyone, unless it says what the current one says. Sorts by id. `confirmedAt`, ms, when
   * it is stale.
   */
  publish(instances: readonly Instance[], index: number, stale: boolean, confirmedAt?: number): void {
    const before = this.#current
    const sorted = instances.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const kept = keepSame(before?.instances ?? [], sorted)
    if (before !== undefined && before.stale === stale && before.instances === kept) return
    const since = stale ? { confirmedAt } : {}
    const snapshot = Object.freeze({ service: this.#service, instances: kept, index, stale, ...since })
    this.#current = snapshot
    for (const arrive of this.#waiting.splice(0)) arrive(snapshot)
    for (const listener of [...this.#listeners]) listener(snapshot)
  }
}

/** The new list made of the old objects where their content is the same; the old list itself when all of it is. */
function keepSame(before: readonly Instance[], after: readonly Instance[]): readonly Instance[] {
  const known = new Map(before.map((instance) => [instance.id, instance]))
  const kept = after.map((instance) => {
    const old = known.get(instance.id)
    return old !== undefined && sameInstance(old, instance) ? old : Object.freeze(instance)
  })
  return kept.length === before.length && kept.every((instance, i) => instance === before[i])
    ? before
    : Object.freeze(kept)
}

function sameInstance(a: Instance, b: Instance): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.status === b.status &&
    a.weight === b.weight &&
    a.node === b.node &&
    a.service === b.service &&
    a.tags.join('\n') === b.tags.join('\n') &&
    sameMeta(a.meta, b.meta)
  )
}

function sameMeta(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
