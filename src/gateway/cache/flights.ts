/** Requests for the same thing at the same time: one goes, the others wait for what it brings. */

import { dropOldest } from '../../core/bounded.ts'
import type { Clock } from '../../core/clock.ts'
import { ownText } from '../../core/own-text.ts'

/** So long a key whose answer was not kept is not waited for again, ms: waiting would only have made a queue. */
const ALONE_MS = 10_000
const ALONE_MAX = 10_000
/** Nobody waits longer, ms. */
const WAIT_MS = 3_000

export class Flights {
  readonly #clock: Clock
  readonly #underWay = new Map<string, Promise<void>>()
  /** Keys that are not waited for → until when. */
  readonly #alone = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The end of the request that is under way for `key`; undefined when there is none that is worth waiting for. */
  waitFor(key: string): Promise<void> | undefined {
    const flight = this.#underWay.get(key)
    if (flight === undefined || (this.#alone.get(key) ?? 0) > this.#clock.monotonic()) return undefined
    const late = Promise.withResolvers<void>()
    const timer = this.#clock.after(WAIT_MS, late.resolve)
    return Promise.race([flight, late.promise]).finally(() => timer.cancel())
  }

  isUnderWay(key: string): boolean {
    return this.#underWay.has(key)
  }

  /** Begins one, unless one is under way. Returns what ends it: was the answer kept? */
  begin(key: string): (kept: boolean) => void {
    if (this.#underWay.has(key)) return () => {}
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#underWay.set(key, promise)
    let isOver = false
    return (kept) => {
      if (isOver) return
      isOver = true
      this.#underWay.delete(key)
      this.#alone.delete(key)
      if (!kept) this.#alone.set(ownText(key), this.#clock.monotonic() + ALONE_MS)
      dropOldest(this.#alone, ALONE_MAX)
      resolve()
    }
  }
}
