/**
 * The time of each session is a lease of etcd with one empty key, `alive/<session>`. The record itself hangs on no lease:
 * one that ends deletes its keys, but the end of a session has to free its locks. So whichever registry sees the key go
 * writes the end. A renewal is a keep-alive: no write, no revision, whichever registry it comes to.
 *
 * Leases count whole seconds, are looked for twice a second and start over with a new leader: a session may end a little
 * late. Never early, although etcd before 3.4.31 may revoke leases by a leader that has slept and does not know that it
 * is none any more: then the registry that took the last renewal says so, and the others wait a moment for its word.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import { parseDuration } from '../../api/duration.ts'
import { GRACE, type SessionTime, type SessionTimeListener } from '../../session-time.ts'
import type { SessionBody } from '../../state/records.ts'
import type { Etcd, EtcdEvent, Listing } from './contract.ts'
import { storageError } from './error.ts'
import type { Keys } from './keys.ts'
import type { Others } from './sync.ts'

export interface LeaseTools {
  readonly etcd: Etcd
  readonly keys: Keys
  readonly clock: Clock
}

export interface Lease {
  /** What hangs on it. */
  readonly key: string
  readonly id: string
  readonly seconds: number
}

export class SessionLeases implements SessionTime, Others {
  readonly #tools: LeaseTools
  /** Session → revision of the last that was heard of its key. Repeated and old events are told by it. */
  #heard = new Map<string, { readonly revision: number; readonly alive: boolean }>()
  /** Session → until when its lease lives at least, by what this registry asked for. */
  readonly #until = new Map<string, number>()
  #listener: SessionTimeListener | undefined

  constructor(tools: LeaseTools) {
    this.#tools = tools
  }

  start(listener: SessionTimeListener): () => void {
    this.#listener = listener
    return () => {
      this.#listener = undefined
    }
  }

  isRunning(id: string): boolean {
    return this.#heard.get(id)?.alive === true || this.#knowsBetter(id)
  }

  #knowsBetter(id: string): boolean {
    return this.#tools.clock.monotonic() < (this.#until.get(id) ?? 0)
  }

  async renew(session: SessionBody): Promise<boolean> {
    const lease = this.leaseOf(session)
    if (lease === undefined) return true
    const { etcd, clock } = this.#tools
    const asked = clock.monotonic()
    try {
      if (!(await etcd.keepAlive(lease.id))) return false
    } catch (error) {
      throw storageError(error)
    }
    this.#until.set(session.ID, asked + lease.seconds * 1000)
    return true
  }

  /** The lease that a session's key hangs on; undefined for a session without a TTL. */
  leaseOf({ ID, TTL }: SessionBody): Lease | undefined {
    const ms = TTL === '' ? 0 : parseDuration(TTL)
    if (ms === 0) return undefined
    const key = this.#tools.keys.alive + ID
    return { key, id: leaseId(key), seconds: Math.ceil((ms * GRACE) / 1000) }
  }

  /** To be called before a session is written: its key can hang only on a lease that is there. */
  async prepare({ key, id, seconds }: Lease): Promise<void> {
    const { etcd, keys, clock } = this.#tools
    const asked = clock.monotonic()
    await etcd.grant(seconds, id)
    this.#until.set(key.slice(keys.alive.length), asked + seconds * 1000)
  }

  onListing({ found, revision }: Listing): void {
    const { alive: prefix } = this.#tools.keys
    const there = found.filter(({ key }) => key.startsWith(prefix))
    this.#heard = new Map(there.map(({ key }) => [key.slice(prefix.length), { revision, alive: true }]))
    for (const id of this.#until.keys()) {
      if (!this.#knowsBetter(id)) this.#until.delete(id)
      else if (!this.#heard.has(id)) this.#listener?.onMistake(id)
    }
    this.#listener?.onDoubt()
  }

  onEvents(events: readonly EtcdEvent[]): void {
    const { alive: prefix } = this.#tools.keys
    for (const { key, removed, modRevision } of events) {
      if (!key.startsWith(prefix)) continue
      const id = key.slice(prefix.length)
      if (modRevision <= (this.#heard.get(id)?.revision ?? 0)) continue
      this.#heard.set(id, { revision: modRevision, alive: !removed })
      if (removed) this.#gone(id)
    }
  }

  /** Called when the session was removed, too; then nobody knows it any more. */
  #gone(id: string): void {
    if (this.#knowsBetter(id)) this.#listener?.onMistake(id)
    else this.#listener?.onOver(id)
  }
}

/** Any registry can name a session's lease without asking. 63 bits; 0 would let etcd choose. */
function leaseId(key: string): string {
  const hash = createHash('sha256').update(key).digest().readBigUInt64BE()
  return String((hash >> 1n) | 1n)
}
