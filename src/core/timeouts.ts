/**
 * Time-outs of which nearly none comes: of calls that are over long before. One timer stands for all of them, set for the
 * earliest that it knew of; when it fires it looks for those that are due, and for the next. To begin and end one costs no
 * timer and no garbage, where a timer of its own costs three objects and two lists. The price: when it fires it looks at all.
 */
import { Bag, type Bagged } from './bag.ts'
import type { Clock, Timer } from './clock.ts'

export interface Timed extends Bagged {
  /** Monotonic ms; not to be changed while it is under way. */
  dueAt: number
  expired(): void
}

export class Timeouts {
  readonly #clock: Clock
  readonly #members = new Bag<Timed>()
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `expired` is called once at `dueAt`, unless it is deleted before. It keeps the process alive. */
  add(member: Timed): void {
    this.#members.add(member)
    if (member.dueAt < this.#timerAt) this.#set(member.dueAt)
  }

  /** Does nothing for one that is not under way. */
  delete(member: Timed): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#stop()
  }

  #set(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => this.#fire(), true)
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** Timers may fire a fraction early; a millisecond is forgiven, so that they are not set again for nothing. */
  #fire(): void {
    this.#stop()
    const now = this.#clock.monotonic() + 1
    try {
      for (const member of this.#members.all()) if (member.dueAt <= now) this.#expire(member)
    } finally {
      // What is due still, as one of them threw, comes next.
      this.#setNext()
    }
  }

  /** Not where one before it has taken it back. */
  #expire(member: Timed): void {
    if (member.place === -1) return
    this.#members.delete(member)
    member.expired()
  }

  #setNext(): void {
    let next = Number.POSITIVE_INFINITY
    for (const { dueAt } of this.#members.all()) next = Math.min(next, dueAt)
    if (next < this.#timerAt) this.#set(next)
  }
}
