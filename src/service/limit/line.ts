/**
 * Requests of one priority that wait for their turn. Bounded by time, not by number: "Fail at Scale" (Maurer, ACM Queue 2015)
 * after CoDel (RFC 8289). Normally one may wait half a second, so that a burst is taken; once the line has not been empty for so long, it
 * is no burst, and nobody waits for more than 5 ms, or what one and a half requests take where that is longer: who is next is
 * no queue, as CoDel never drops the only packet. Who has to be refused is refused while asking elsewhere still makes sense.
 * That lasts until less than a tenth has to be refused, or the line is empty half of the time: where it is chance that brings
 * them together, or a caller that stalls and goes on, waiting longer serves them all. First come, first served: last come, first served, which that article pairs with it, gains nothing
 * where no one waits for longer than that, and is unfair in a burst.
 */
import type { Waiting } from './contract.ts'

/** A burst may wait so long, ms. Five times what that article says: beside processes that start, a small machine stalls for longer than that. */
export const BURST_MS = 500
/** So long where there was an overload a moment ago, ms: what comes then is seldom a burst. */
const BURST_AFTER_MS = 100
const MOMENT_MS = 10_000
/** In an overload, ms. */
const OVERLOAD_MS = 5
const OVERLOAD_DONE = 1.5
/** After so long it is looked whether it goes on, ms: while more than a tenth is refused, and the line is seldom empty. */
const LOOK_MS = 200
const REFUSED_SHARE = 0.1
const EMPTY_SHARE = 0.5
/** Memory is no place to wait either. */
const LONGEST = 1000

export class Line {
  readonly #waiting = new Set<Waiting>()
  #filledAt = 0
  /** Since it was filled, the limit and nothing else has kept them waiting. */
  #isLenient = false
  /** Undefined: there is none. */
  #overload: Look | undefined
  #emptiedAt = 0
  #overloadedAt = Number.NEGATIVE_INFINITY

  get length(): number {
    return this.#waiting.size
  }

  get first(): Waiting | undefined {
    return this.#waiting.values().next().value
  }

  asked(): void {
    if (this.#overload !== undefined) this.#overload.asked++
  }

  refused(): void {
    if (this.#overload !== undefined) this.#overload.refused++
  }

  /** How long one may wait now, ms; `ratePerMs` are done in a millisecond; `exploring` = nothing has shown that the limit is one. */
  patience(now: number, ratePerMs: number, exploring: boolean): number {
    if (exploring && this.#isLenient) return BURST_MS
    if (!this.#isOverloaded(now)) return this.#burstMs(now)
    return Math.min(BURST_AFTER_MS, Math.max(OVERLOAD_MS, OVERLOAD_DONE / ratePerMs))
  }

  /** In an overload only as many may wait as have a chance. */
  isFull(now: number, ratePerMs: number, exploring: boolean): boolean {
    if ((exploring && this.#isLenient) || !this.#isOverloaded(now)) return this.length >= LONGEST
    return this.length >= Math.ceil(Math.max(OVERLOAD_DONE, ratePerMs * OVERLOAD_MS))
  }

  /** `atLimit`: it waits because of the limit, not because of the event loop. What the loop cannot do, no other limit could. */
  join(waiting: Waiting, atLimit: boolean): void {
    if (this.length === 0) {
      this.#overload?.empty(this.#emptiedAt, waiting.since)
      this.#filledAt = waiting.since
      this.#isLenient = atLimit
    }
    this.#waiting.add(waiting)
  }

  leave(waiting: Waiting, now: number): void {
    if (this.#waiting.delete(waiting) && this.length === 0) this.#emptiedAt = now
  }

  #burstMs(now: number): number {
    return now - this.#overloadedAt < MOMENT_MS ? BURST_AFTER_MS : BURST_MS
  }

  #isOverloaded(now: number): boolean {
    if (this.#overload === undefined) {
      if (this.length > 0 && now - this.#filledAt >= this.#burstMs(now)) this.#overload = new Look(now)
    } else if (now - this.#overload.since >= LOOK_MS) {
      if (this.length === 0) this.#overload.empty(this.#emptiedAt, now)
      this.#overload = this.#overload.goesOn(now) ? new Look(now) : undefined
      this.#overloadedAt = now
    }
    return this.#overload !== undefined
  }
}

/** What is seen of an overload until it is looked whether it goes on. */
class Look {
  readonly since: number
  asked = 0
  refused = 0
  #emptyMs = 0

  constructor(since: number) {
    this.since = since
  }

  empty(since: number, until: number): void {
    this.#emptyMs += until - Math.max(since, this.since)
  }

  goesOn(now: number): boolean {
    return this.refused > this.asked * REFUSED_SHARE && this.#emptyMs < (now - this.since) * EMPTY_SHARE
  }
}
