/** A clock whose time jumps from one timer to the next: all of a simulation's work is done by timers. */
import type { Clock, Timer } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'

interface Due {
  readonly at: number
  /** Of equal times the timer that was set first runs first. */
  readonly order: number
  run: (() => void) | undefined
}

export class EventClock implements Clock {
  #time = 0
  #order = 0
  readonly #timers = new Heap<Due>((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order))

  now(): number {
    return this.#time
  }

  monotonic(): number {
    return this.#time
  }

  after(ms: number, run: () => void): Timer {
    const due: Due = { at: this.#time + Math.max(0, ms), order: this.#order++, run }
    this.#timers.push(due)
    return {
      cancel() {
        due.run = undefined
      },
    }
  }

  /** Runs all timers, those that are set meanwhile too. */
  runAll(): void {
    for (let due = this.#timers.pop(); due !== undefined; due = this.#timers.pop()) {
      if (due.run === undefined) continue
      this.#time = due.at
      due.run()
    }
  }
}
