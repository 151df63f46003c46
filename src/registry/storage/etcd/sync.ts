/**
 * Keeps the view at what etcd holds: one listing, then one watch, and a new listing after whatever ends the watch. Resuming
 * a watch where it broke off is an optimisation that etcd 3.4 does not deserve (events lost after compaction, watches that
 * go back in time); a listing costs a few milliseconds per thousand records, and only differences are published.
 */
import { type Clock, sleep, type Timer } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import { fullJitter, type Random } from '../../../core/random.ts'
import type { View } from '../../storage.ts'
import { type Etcd, EtcdError, type EtcdEvent, type KeyValue, type Listing } from './contract.ts'
import type { Follower, Step } from './follower.ts'
import type { Health } from './health.ts'
import type { Keys } from './keys.ts'
import { NextRun } from './next-run.ts'

export interface SyncTools {
  readonly etcd: Etcd
  readonly keys: Keys
  readonly follower: Follower
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly health: Health
  /** Unique to this process: its writes have IDs that begin with it. */
  readonly id: string
}

/** Who else wants to know what is under the prefix. They hear of it before the view does. */
export interface Others {
  /** Everything there is; what was heard before may have had gaps. */
  onListing(listing: Listing): void
  onEvents(events: readonly EtcdEvent[]): void
}

/** How often etcd is asked for its last write: finds a watch that stands still, and an etcd that is away. */
const CONTACT_MS = 1000
/** How long a read waits for etcd and the watch before it is answered from memory. */
const CATCH_UP_MS = 2000
/** A view that is behind for longer lists anew. */
const STALL_MS = 2000
/** A listing without cause, compared with memory: the audit. */
const AUDIT_MS = 5 * 60_000
/** Watches that end so soon, one after the other, would be nothing but listings. */
const SHORT_MS = 1000
const RETRY_BASE_MS = 100
const RETRY_MAX_MS = 2000

export class Sync {
  readonly #tools: SyncTools
  readonly #view: View
  readonly #others: readonly Others[]
  #waiting: { revision: number; resolve: () => void }[] = []
  /** Ends the watch of this moment. */
  #endWatch: (reason: string) => void = () => {}
  #contact: Timer | undefined
  #audit: Timer | undefined
  #closed = false
  readonly #plainly = new NextRun(() => this.#catchUp(false))
  readonly #strictly = new NextRun(() => this.#catchUp(true))

  constructor(tools: SyncTools, view: View, others: readonly Others[]) {
    this.#tools = tools
    this.#view = view
    this.#others = others
  }

  /** Loads the view and follows from then on. @throws EtcdError when nothing can be listed. */
  async open(): Promise<void> {
    const { etcd, keys, follower } = this.#tools
    const listing = await etcd.list(keys.all)
    const { records, index } = follower.start(listing)
    for (const other of this.#others) other.onListing(listing)
    this.#view.load(records, index)
    void this.#follow(listing.revision)
    this.#scheduleContact()
    this.#scheduleAudit()
  }

  close(): void {
    this.#closed = true
    this.#contact?.cancel()
    this.#audit?.cancel()
    this.#endWatch('closed')
  }

  /** Resolves with true once the view holds the write of `revision`, with false when it does not within `limitMs`. */
  reached(revision: number, limitMs: number): Promise<boolean> {
    if (this.#tools.follower.last >= revision) return Promise.resolve(true)
    return new Promise((resolve) => {
      const waiting = { revision, resolve: () => finish(true) }
      const timer = this.#tools.clock.after(limitMs, () => finish(false))
      const finish = (reached: boolean) => {
        timer.cancel()
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        resolve(reached)
      }
      this.#waiting.push(waiting)
    })
  }

  /** See Storage.catchUp. */
  catchUp(strict: boolean): Promise<boolean> {
    if (this.#tools.etcd.away) return Promise.resolve(false)
    return (strict ? this.#strictly : this.#plainly).ask()
  }

  /** Bounded: a read does not wait for the election of a leader. */
  async #catchUp(strict: boolean): Promise<boolean> {
    const late = Promise.withResolvers<boolean>()
    const timer = this.#tools.clock.after(CATCH_UP_MS, () => late.resolve(false))
    const reached = await Promise.race([this.#reachLast(strict), late.promise])
    timer.cancel()
    return reached
  }

  async #reachLast(strict: boolean): Promise<boolean> {
    const { etcd, keys, log } = this.#tools
    try {
      const mark = await (strict ? this.#confirm() : etcd.get(keys.lastWrite))
      return await this.reached(mark?.modRevision ?? 0, CATCH_UP_MS)
    } catch (error) {
      log.debug({ err: error }, 'etcd does not say how far it is; reads go on from memory')
      return false
    }
  }

  /** An etcd that is full confirms nothing, as it would need space; then its word is all there is. */
  #confirm(): Promise<KeyValue | undefined> {
    const { etcd, keys } = this.#tools
    return etcd.confirm(keys.lastWrite).catch((error) => {
      if (error instanceof EtcdError && error.fault === 'no-space') return etcd.get(keys.lastWrite)
      throw error
    })
  }

  async #follow(revision: number): Promise<void> {
    const { clock, random, log } = this.#tools
    for (let from = revision, short = 0; ; ) {
      const started = clock.monotonic()
      const reason = await this.#watch(from + 1)
      if (this.#closed) return
      log.debug({ reason }, 'the watch on etcd ended; listing everything anew')
      short = clock.monotonic() - started < SHORT_MS ? short + 1 : 0
      if (short > 1) await sleep(fullJitter(random, short, RETRY_BASE_MS, RETRY_MAX_MS), clock)
      const listed = await this.#listAgain()
      if (listed === undefined) return
      from = listed
    }
  }

  #watch(from: number): Promise<string> {
    const { etcd, keys, follower } = this.#tools
    return new Promise((resolve) => {
      const stop = etcd.watch(
        keys.all,
        from,
        (message) => {
          const { steps, others, gap } = follower.hear(message)
          if (others.length > 0) for (const other of this.#others) other.onEvents(others)
          this.#show(steps)
          if (gap !== undefined) this.#endWatch(gap)
        },
        resolve,
      )
      this.#endWatch = (reason) => {
        stop()
        resolve(reason)
      }
      if (this.#closed) this.#endWatch('closed')
    })
  }

  #show(steps: readonly Step[]): void {
    if (steps.length === 0) return
    for (const { changes, index, id } of steps) {
      this.#view.apply(changes, index, id.startsWith(this.#tools.id))
      this.#view.publish()
    }
    this.#wake()
  }

  #wake(): void {
    const { last } = this.#tools.follower
    for (const waiting of this.#waiting.filter(({ revision }) => revision <= last)) waiting.resolve()
  }

  /** Until it succeeds; undefined when closed meanwhile. */
  async #listAgain(): Promise<number | undefined> {
    const { etcd, keys, clock, random, log } = this.#tools
    for (let attempt = 0; !this.#closed; attempt++) {
      try {
        const listing = await etcd.list(keys.all)
        if (this.#closed) return undefined
        this.#take(listing)
        return listing.revision
      } catch (error) {
        if (attempt === 0) log.warn({ err: error }, 'etcd cannot be read; reads go on from memory until it is back')
      }
      await sleep(fullJitter(random, attempt, RETRY_BASE_MS, RETRY_MAX_MS), clock)
    }
    return undefined
  }

  #take(listing: Listing): void {
    const { follower, log } = this.#tools
    for (const other of this.#others) other.onListing(listing)
    const listed = follower.list(listing)
    if (listed !== undefined) {
      const { changes, index, rewound, unexplained } = listed
      const told = { records: changes.length, index }
      if (rewound) log.error(told, 'etcd has gone back in time (a restored backup?); the registry starts over from it')
      if (unexplained) log.error(told, 'memory differed from etcd without a write; mended')
      this.#view.reload(changes, index)
    }
    this.#wake()
  }

  #scheduleContact(): void {
    if (!this.#closed) this.#contact = this.#tools.clock.after(CONTACT_MS, () => this.#makeContact())
  }

  async #makeContact(): Promise<void> {
    const { etcd, keys, follower, log, health } = this.#tools
    try {
      const revision = (await etcd.get(keys.lastWrite))?.modRevision ?? 0
      if (revision < follower.last) this.#endWatch(`the last write is ${revision} and was ${follower.last}`)
      else if (!(await this.reached(revision, STALL_MS))) this.#endWatch('the watch stands still')
      await health.tryAgain()
    } catch (error) {
      log.debug({ err: error }, 'etcd does not answer')
      health.failed(error)
    }
    this.#scheduleContact()
  }

  #scheduleAudit(): void {
    this.#audit = this.#tools.clock.after(AUDIT_MS, () => {
      this.#endWatch('audit')
      this.#scheduleAudit()
    })
  }
}
