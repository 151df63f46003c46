/**
 * An etcd cluster in memory on a virtual clock, with the faults of a real one: slow and lost answers, members cut off,
 * watches that repeat, omit, tear or go back in time, compaction, expiring leases. Every choice comes from one seeded
 * generator, so a failure can be replayed.
 */
import type { Clock } from '../../../core/clock.ts'
import { below, type Random } from '../../../core/random.ts'
import {
  type Commit,
  type Committed,
  type Etcd,
  EtcdError,
  type EtcdEvent,
  type KeyValue,
  type Listing,
  type Operation,
  type WatchMessage,
} from './contract.ts'

/** How often something goes wrong, 0 … 1, for each call or message. */
export interface Faults {
  /** The answer is lost; the client sends it again, as the gateway does. */
  readonly repeatedCall: number
  /** Nobody answers; the call may have happened. */
  readonly failedCall: number
  readonly repeatedMessage: number
  readonly lostMessage: number
  readonly tornMessage: number
  /** A watch goes back in time. */
  readonly oldMessage: number
  readonly endedWatch: number
}

export const NO_FAULTS: Faults = {
  repeatedCall: 0,
  failedCall: 0,
  repeatedMessage: 0,
  lostMessage: 0,
  tornMessage: 0,
  oldMessage: 0,
  endedWatch: 0,
}

interface Watch {
  readonly prefix: string
  /** Position in the history of what is sent next. */
  at: number
  send(message: WatchMessage): void
  end(reason: string): void
}

interface Revision {
  readonly revision: number
  readonly events: readonly EtcdEvent[]
}

export class FakeCluster {
  readonly clock: Clock
  readonly random: Random
  faults = NO_FAULTS
  revision = 1
  id = 'cluster'
  readonly data = new Map<string, KeyValue & { lease?: string | undefined }>()
  /** What each key was before its last change. */
  readonly before = new Map<string, KeyValue>()
  readonly history: Revision[] = []
  readonly #leases = new Map<string, { expires: number; seconds: number }>()
  #leaseIds = 0
  /** Revisions up to this one are gone. */
  compacted = 0

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.random = random
  }

  happens(chance: number): boolean {
    return chance > 0 && this.random() < chance
  }

  list(prefix: string): Listing {
    const found = [...this.data.values()].filter(({ key }) => key.startsWith(prefix))
    return { revision: this.revision, cluster: this.id, found: found.sort((a, b) => (a.key < b.key ? -1 : 1)) }
  }

  commit({ key, revision, operations }: Commit): Committed {
    const found = this.data.get(key)
    if ((found?.modRevision ?? 0) !== revision) return { succeeded: false, found }
    return { succeeded: true, revision: this.write(operations) }
  }

  write(operations: Commit['operations']): number {
    const isLost = (one: Operation) => 'put' in one && one.lease !== undefined && !this.#leases.has(one.lease)
    if (operations.some(isLost)) throw new EtcdError('no-lease', 'etcdserver: requested lease not found')
    const revision = this.revision + 1
    const events: EtcdEvent[] = []
    for (const operation of operations) {
      if ('put' in operation) {
        const { put: key, value, lease } = operation
        const was = this.data.get(key)
        if (was !== undefined) this.before.set(key, was)
        const createRevision = was?.createRevision ?? revision
        this.data.set(key, { key, value, createRevision, modRevision: revision, lease })
        events.push({ key, value, createRevision, modRevision: revision, removed: false })
      } else {
        for (const key of this.#range(operation.remove, operation.through)) {
          this.data.delete(key)
          events.push({ key, value: '', createRevision: 0, modRevision: revision, removed: true })
        }
      }
    }
    if (events.length === 0) return this.revision
    this.revision = revision
    this.history.push({ revision, events })
    return revision
  }

  #range(from: string, through = from): string[] {
    const [first, last] = [Buffer.from(from), Buffer.from(through)]
    return [...this.data.keys()].filter((key) => {
      const bytes = Buffer.from(key)
      return Buffer.compare(first, bytes) <= 0 && Buffer.compare(bytes, last) <= 0
    })
  }

  /** Forgets history up to now: whoever has not seen it must list anew. */
  compact(): void {
    this.compacted = this.revision
  }

  grant(seconds: number, id = String(++this.#leaseIds)): string {
    this.#leases.set(id, { seconds, expires: this.clock.monotonic() + seconds * 1000 })
    return id
  }

  keepAlive(id: string): boolean {
    this.expire()
    const lease = this.#leases.get(id)
    if (lease === undefined) return false
    lease.expires = this.clock.monotonic() + lease.seconds * 1000
    return true
  }

  revoke(id: string): void {
    this.#leases.delete(id)
    const keys = [...this.data.values()].filter(({ lease }) => lease === id)
    if (keys.length > 0) this.write(keys.map(({ key }) => ({ remove: key })))
  }

  /** Ends the leases that have run out. */
  expire(): void {
    const now = this.clock.monotonic()
    for (const [id, { expires }] of this.#leases) if (expires <= now) this.revoke(id)
  }

  hasLease(id: string): boolean {
    return this.#leases.has(id)
  }
}

/** One registry's connection. `lagMs` delays what its watch delivers, `cut` separates it from the cluster. */
export class FakeEtcd implements Etcd {
  readonly #cluster: FakeCluster
  readonly #watches = new Set<Watch>()
  lagMs: number
  /** How long a request or an answer is under way at most. */
  slownessMs = 4
  /** Its member answers with what was before the last change. */
  sleepy = false
  /** How long it waits for an answer before it sends a call again. */
  patienceMs = 0
  cut = false
  away = false
  listings = 0

  constructor(cluster: FakeCluster, lagMs = 5) {
    this.#cluster = cluster
    this.lagMs = lagMs
  }

  get(key: string): Promise<KeyValue | undefined> {
    const { data, before } = this.#cluster
    return this.#call(() => (this.sleepy ? before : data).get(key))
  }

  confirm(key: string): Promise<KeyValue | undefined> {
    return this.#call(() => this.#cluster.data.get(key))
  }

  list(prefix: string): Promise<Listing> {
    this.listings++
    return this.#call(() => this.#cluster.list(prefix))
  }

  commit(commit: Commit): Promise<Committed> {
    return this.#call(() => this.#cluster.commit(commit))
  }

  put(key: string, value: string, lease: string): Promise<void> {
    return this.#call(() => {
      if (!this.#cluster.hasLease(lease)) throw new EtcdError('no-lease', 'etcdserver: requested lease not found')
      this.#cluster.write([{ put: key, value, lease }])
    })
  }

  grant(seconds: number, id?: string): Promise<string> {
    return this.#call(() => this.#cluster.grant(seconds, id))
  }

  keepAlive(lease: string): Promise<boolean> {
    return this.#call(() => this.#cluster.keepAlive(lease))
  }

  revoke(lease: string): Promise<void> {
    return this.#call(() => this.#cluster.revoke(lease))
  }

  watch(
    prefix: string,
    revision: number,
    onMessage: (message: WatchMessage) => void,
    onEnd: (reason: string) => void,
  ): () => void {
    const { history } = this.#cluster
    const first = history.findIndex((one) => one.revision >= revision)
    const watch: Watch = {
      prefix,
      at: first < 0 ? history.length : first,
      send: onMessage,
      end: (reason) => {
        if (this.#watches.delete(watch)) onEnd(reason)
      },
    }
    this.#watches.add(watch)
    const behind = revision <= this.#cluster.compacted
    this.#cluster.clock.after(1, () => (behind ? watch.end('compacted') : this.#pump(watch)))
    return () => this.#watches.delete(watch)
  }

  /** Ends all watches, as a member that dies does. */
  breakWatches(): void {
    for (const watch of [...this.#watches]) watch.end('broken')
  }

  async close(): Promise<void> {
    this.#watches.clear()
    this.cut = true
  }

  /** Request and answer each take a moment. */
  async #call<T>(run: () => T): Promise<T> {
    const { faults } = this.#cluster
    await this.#pause()
    if (this.cut) throw this.#unavailable()
    const early = this.#cluster.happens(faults.failedCall)
    if (early && this.#cluster.happens(0.5)) throw this.#unavailable()
    let result = run()
    await this.#pause()
    if (this.cut || early) throw this.#unavailable()
    if (this.#cluster.happens(faults.repeatedCall)) {
      const { clock } = this.#cluster
      await new Promise<void>((resolve) => clock.after(this.patienceMs, resolve))
      result = run()
      await this.#pause()
    }
    this.away = false
    return result
  }

  #unavailable(): EtcdError {
    this.away = this.cut
    return new EtcdError('unavailable', 'fake etcd: nobody answers')
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#cluster
    return new Promise((resolve) => clock.after(random() * this.slownessMs, resolve))
  }

  /** Sends what there is, one revision a message, a random lag apart. */
  #pump(watch: Watch): void {
    if (!this.#watches.has(watch)) return
    const { clock, random, history } = this.#cluster
    this.#cluster.expire()
    if (!this.cut && watch.at < history.length) this.#deliver(watch, history[watch.at++]!)
    if (this.#watches.has(watch)) clock.after(random() * this.lagMs, () => this.#pump(watch))
  }

  #deliver(watch: Watch, { revision, events }: Revision): void {
    const { faults, history } = this.#cluster
    const happens = (chance: number) => this.#cluster.happens(chance)
    const mine = events.filter(({ key }) => key.startsWith(watch.prefix))
    const message = { revision, events: mine }
    if (happens(faults.endedWatch)) watch.end('ended')
    if (!this.#watches.has(watch) || happens(faults.lostMessage)) return
    if (happens(faults.tornMessage)) mine.splice(below(this.#cluster.random, mine.length), 1)
    if (mine.length > 0) watch.send(message)
    if (happens(faults.repeatedMessage)) watch.send(message)
    if (happens(faults.oldMessage)) watch.send(history[below(this.#cluster.random, history.length)]!)
  }
}
