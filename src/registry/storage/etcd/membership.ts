/**
 * Which registries live, hence who runs which check. Each holds a key on a lease; a lease that is not kept alive ends, its
 * key vanishes, and the others share out what it had. A registry owns nothing unless it is sure of its own lease, so what
 * it is cut off from is never judged twice, and beats that cannot reach it expire nothing.
 *
 * Beats that come to another registry than the check's owner are collected and put into one key several times a second,
 * however many they are. Not chosen: a lease for each check (whole seconds only, and a keep-alive per beat); calling the
 * owner over HTTP (the registries would have to reach and trust one another). The price: TTLs run out up to `BEAT_LAG_MS`
 * late, and etcd's log grows by the IDs of such checks at the rate of their beats.
 */
import type { Clock, Timer } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import type { CheckSharing, SharingListener } from '../../checks/sharing.ts'
import type { Etcd, EtcdEvent, Listing } from './contract.ts'
import { NO_LEADER } from './error.ts'
import type { Keys } from './keys.ts'
import { rendezvous } from './rendezvous.ts'
import type { Others } from './sync.ts'

export interface MembershipTools {
  readonly etcd: Etcd
  readonly keys: Keys
  readonly clock: Clock
  readonly log: Logger
  /** Unique to this process. */
  readonly id: string
}

/** A registry that dies is missed after this, plus etcd's half second; a new etcd leader lets all leases start over. */
const LEASE_SECONDS = 5
const KEEP_ALIVE_MS = 1000
/** Without an answer for this long, silence of the others means nothing. */
const IN_TOUCH_MS = 2000
const FLUSH_MS = 250
const BEAT_LAG_MS = 1000
/** Beats in one value: far below what etcd takes. */
const BEATS_MAX = 5000

export class Membership implements CheckSharing, Others {
  readonly beatLagMs = BEAT_LAG_MS
  readonly #tools: MembershipTools
  /** Registries as the view has them, this one included once it is there. */
  #alive = new Set<string>()
  #listener: SharingListener | undefined
  #lease: string | undefined
  /** When the last answer about the lease was asked for; the lease lives at least LEASE_SECONDS from then. */
  #confirmed = Number.NEGATIVE_INFINITY
  #keeping: Timer | undefined
  #expiry: Timer | undefined
  #flushing: Timer | undefined
  readonly #beats = new Set<string>()
  #joined = false
  #closed = false

  constructor(tools: MembershipTools) {
    this.#tools = tools
  }

  start(listener: SharingListener): () => void {
    this.#listener = listener
    void this.#keepAlive()
    return () => {
      this.#listener = undefined
    }
  }

  /** That what this registry puts down goes with when it dies. */
  get lease(): string | undefined {
    return this.#lease
  }

  owns(checkId: string): boolean {
    const { id } = this.#tools
    return this.#isSure && this.#alive.has(id) && rendezvous(this.#alive, checkId) === id
  }

  get inTouch(): boolean {
    return this.#tools.clock.monotonic() < this.#confirmed + IN_TOUCH_MS
  }

  passOn(checkId: string): void {
    if (this.#joined && !this.#isSure) {
      throw new SkeinError('STORAGE_FAILED', `${NO_LEADER}: this registry is cut off from the one that runs ${checkId}`)
    }
    this.#beats.add(checkId)
    this.#flushing ??= this.#tools.clock.after(FLUSH_MS, () => this.#flush())
  }

  onListing({ found }: Listing): void {
    const { nodes } = this.#tools.keys
    const keys = found.map(({ key }) => key).filter((key) => key.startsWith(nodes))
    this.#alive = new Set(keys.map((key) => key.slice(nodes.length)))
    this.#checkOwnKey()
    this.#listener?.onDoubt()
    this.#listener?.onShift()
  }

  onEvents(events: readonly EtcdEvent[]): void {
    const { keys, id } = this.#tools
    let shifted = false
    for (const { key, value, removed } of events) {
      if (key.startsWith(keys.nodes)) {
        const node = key.slice(keys.nodes.length)
        if (removed) this.#alive.delete(node)
        else this.#alive.add(node)
        shifted = true
      } else if (key.startsWith(keys.beats) && !removed && key !== keys.beats + id) this.#hear(value)
    }
    if (!shifted) return
    this.#checkOwnKey()
    this.#listener?.onShift()
  }

  /** Leaves, so that the others take over at once. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of [this.#keeping, this.#expiry, this.#flushing]) timer?.cancel()
    const { etcd, log } = this.#tools
    if (this.#lease === undefined || etcd.away) return
    await etcd.revoke(this.#lease).catch((error) => log.debug({ err: error }, 'the lease ends by itself'))
  }

  get #isSure(): boolean {
    return this.#tools.clock.monotonic() < this.#confirmed + LEASE_SECONDS * 1000
  }

  /** The key's absence is the truth about the lease, whatever a keep-alive says (etcd before 3.4.38). */
  #checkOwnKey(): void {
    if (this.#isSure && this.#lease !== undefined && !this.#alive.has(this.#tools.id)) this.#lease = undefined
  }

  async #keepAlive(): Promise<void> {
    const { etcd, keys, clock, log, id } = this.#tools
    const asked = clock.monotonic()
    try {
      if (this.#lease !== undefined && !(await etcd.keepAlive(this.#lease))) this.#lease = undefined
      if (this.#lease === undefined) {
        const lease = await etcd.grant(LEASE_SECONDS)
        await etcd.put(keys.nodes + id, '', lease)
        this.#lease = lease
      }
      this.#confirm(asked)
    } catch (error) {
      log.debug({ err: error }, 'the lease could not be kept alive; trying again')
    }
    if (!this.#closed) this.#keeping = clock.after(KEEP_ALIVE_MS, () => this.#keepAlive())
  }

  #confirm(asked: number): void {
    const { inTouch } = this
    const wasSure = this.#isSure
    const { clock } = this.#tools
    this.#confirmed = asked
    this.#joined = true
    this.#expiry?.cancel()
    if (this.#closed) return
    this.#expiry = clock.after(asked + LEASE_SECONDS * 1000 - clock.monotonic(), () => this.#listener?.onShift())
    if (!inTouch) this.#listener?.onDoubt()
    if (!wasSure) this.#listener?.onShift()
  }

  async #flush(): Promise<void> {
    const { etcd, keys, clock, log, id } = this.#tools
    this.#flushing = this.#lease === undefined ? clock.after(FLUSH_MS, () => this.#flush()) : undefined
    if (this.#lease === undefined) return
    const beats = [...this.#beats]
    this.#beats.clear()
    for (let at = 0; at < beats.length && this.#lease !== undefined; at += BEATS_MAX) {
      const value = JSON.stringify(beats.slice(at, at + BEATS_MAX))
      await etcd.put(keys.beats + id, value, this.#lease).catch((error) => {
        log.warn({ err: error, beats: beats.length }, 'beats could not be passed on; the next ones may')
      })
    }
  }

  #hear(value: string): void {
    for (const checkId of decodeBeats(value)) this.#listener?.onBeat(checkId)
  }
}

function decodeBeats(value: string): string[] {
  try {
    const beats: unknown = JSON.parse(value)
    return Array.isArray(beats) ? beats.filter((one) => typeof one === 'string') : []
  } catch {
    return [] // not ours; nobody's silence is judged by it
  }
}
