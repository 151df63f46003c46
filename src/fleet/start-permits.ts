import type { Clock } from '../core/clock.ts'

/** A permit is lent for this long at most, ms: the part of a start in which a process loads its code and wants the processor. */
const LENT_MS = 2000

/**
 * Lets only a few instances start at a time, in the order in which they asked, so that twenty starts on two processors do
 * not make each other miss their time limit. A permit that is not given back is taken back, because a start may wait for
 * another service which waits in this very queue.
 */
export class StartPermits {
  readonly #clock: Clock
  readonly #queue = new Set<() => void>()
  #free: number

  constructor(clock: Clock, count: number) {
    this.#clock = clock
    this.#free = count
  }

  /** Calls `start` once there is a permit. The returned function gives it back, or leaves the queue; idempotent. */
  request(start: () => void): () => void {
    let giveBack = () => {}
    const granted = () => {
      giveBack = this.#lend()
      start()
    }
    this.#queue.add(granted)
    this.#serve()
    return () => {
      this.#queue.delete(granted)
      giveBack()
    }
  }

  #serve(): void {
    for (const granted of this.#queue) {
      if (this.#free === 0) return
      this.#free--
      this.#queue.delete(granted)
      granted()
    }
  }

  #lend(): () => void {
    let lent = true
    const giveBack = () => {
      if (!lent) return
      lent = false
      timer.cancel()
      this.#free++
      this.#serve()
    }
    const timer = this.#clock.after(LENT_MS, giveBack)
    return giveBack
  }
}
