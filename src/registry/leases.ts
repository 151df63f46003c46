/**
 * Instances that hold a connection open. A process that dies takes its connections with it, so the end of one tells in
 * milliseconds what a TTL tells in seconds. Nothing of it is stored: the check that turns critical is a TTL check like any
 * other, its next beat heals it, and a registry that starts again waits for a full TTL. Not chosen: a check of a kind of its
 * own, which would have to be passing again before the instance had the time to connect anew.
 */
import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'

export interface LeasesOptions {
  readonly clock: Clock
  readonly log: Logger
  /** The instance whose check this is has gone. */
  lost(checkId: string): void
}

/** Within this an instance may connect anew, ms: a connection can end for other reasons. */
export const GRACE_MS = 250
/**
 * A timer this late means that this process stood still, and for so long that instances may have gone to another registry.
 * Shorter than the 2 s after which a client gives one up; a busy processor makes a timer late by less.
 */
const LATE_MS = 1500
const TICK_MS = 500
/** More at once than this, and more than half of all, and it is not the instances that died but what lies between. */
const AT_ONCE_MAX = 4

export class Leases {
  readonly #options: LeasesOptions
  /** Check ID → how many connections stand for it. */
  readonly #held = new Map<string, number>()
  readonly #broken = new Set<string>()
  readonly #ends = new Set<() => void>()
  #grace: Timer | undefined
  #tick: Timer | undefined
  #trustedFrom = Number.NEGATIVE_INFINITY

  constructor(options: LeasesOptions) {
    this.#options = options
  }

  /** How many checks are held. */
  get size(): number {
    return this.#held.size
  }

  /** A connection stands for these checks until the returned function is called. `end` ends it when this registry does. */
  hold(checkIds: readonly string[], end: () => void): () => void {
    this.#ends.add(end)
    for (const id of checkIds) {
      this.#held.set(id, (this.#held.get(id) ?? 0) + 1)
      this.#broken.delete(id)
    }
    if (this.#tick === undefined) this.#watchClock()
    return () => {
      this.#ends.delete(end)
      for (const id of checkIds) this.#release(id)
    }
  }

  /** What ends from now on is this registry's doing. */
  close(): void {
    this.#tick?.cancel()
    this.#grace?.cancel()
    this.#trustedFrom = Number.POSITIVE_INFINITY
    for (const end of this.#ends) end()
  }

  #release(checkId: string): void {
    const left = (this.#held.get(checkId) ?? 0) - 1
    if (left > 0) this.#held.set(checkId, left)
    else {
      this.#held.delete(checkId)
      this.#broken.add(checkId)
      this.#grace ??= this.#options.clock.after(GRACE_MS, () => this.#judge())
    }
  }

  #judge(): void {
    const { clock, log, lost } = this.#options
    const broken = [...this.#broken]
    this.#grace = undefined
    this.#broken.clear()
    if (clock.monotonic() < this.#trustedFrom) return
    if (broken.length > AT_ONCE_MAX && broken.length > this.#held.size) {
      log.warn({ broken: broken.length, held: this.#held.size }, 'most leases broke at once: left to the TTL checks')
      return
    }
    for (const id of broken) lost(id)
  }

  #watchClock(): void {
    const { clock } = this.#options
    const due = clock.monotonic() + TICK_MS
    this.#tick = clock.after(TICK_MS, () => {
      const now = clock.monotonic()
      if (now - due > LATE_MS) this.#trustedFrom = Math.max(this.#trustedFrom, now + TICK_MS)
      this.#tick = undefined
      if (this.#held.size > 0 || this.#broken.size > 0) this.#watchClock()
    })
  }
}
