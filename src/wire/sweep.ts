/**
 * The one timer for all time-outs of a server or pool: every tick it looks at each connection once. A time-out then costs the
 * connection one number, set and cleared as its state changes, where a timer of its own would cost an object and two list
 * operations per request. The price: it is up to a tick late, and a tick costs a look at each connection.
 */
import type { Clock, Timer } from '../core/clock.ts'

export interface Swept {
  /** The tick at which `overdue` is called; Infinity = never. */
  dueTick: number
  overdue(): void
}

export class Sweep<T extends Swept> {
  readonly members = new Set<T>()
  tick = 0
  readonly #clock: Clock
  readonly #tickMs: number
  #timer: Timer | undefined

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  add(member: T): void {
    this.members.add(member)
    this.#timer ??= this.#clock.after(this.#tickMs, () => this.#sweep())
  }

  delete(member: T): void {
    this.members.delete(member)
    if (this.members.size === 0) this.stop()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** The tick that comes after `ms` have passed. */
  in(ms: number): number {
    return this.tick + 1 + Math.ceil(ms / this.#tickMs)
  }

  #sweep(): void {
    this.tick++
    this.#timer = undefined
    for (const member of this.members) {
      if (member.dueTick > this.tick) continue
      member.dueTick = Number.POSITIVE_INFINITY
      member.overdue()
    }
    if (this.members.size > 0) this.#timer ??= this.#clock.after(this.#tickMs, () => this.#sweep())
  }
}
