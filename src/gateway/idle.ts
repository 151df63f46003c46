import type { Clock, Timer } from '../core/clock.ts'

/** Calls `run` whenever `touch` has not been called for `ms`, until cancelled. Touching costs one clock read, no timer. */
export class IdleTimer {
  readonly #clock: Clock
  readonly #ms: number
  readonly #run: () => void
  #timer: Timer
  #touchedAt: number
  #cancelled = false

  constructor(clock: Clock, ms: number, run: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.#run = run
    this.#touchedAt = clock.monotonic()
    this.#timer = clock.after(ms, () => this.#check())
  }

  touch(): void {
    this.#touchedAt = this.#clock.monotonic()
  }

  cancel(): void {
    this.#cancelled = true
    this.#timer.cancel()
  }

  /** Timers may fire a fraction early; a millisecond is forgiven so that they are not set again for nothing. */
  #check(): void {
    const left = this.#touchedAt + this.#ms - this.#clock.monotonic()
    if (left <= 1) this.#run()
    if (!this.#cancelled) this.#timer = this.#clock.after(left <= 1 ? this.#ms : left, () => this.#check())
  }
}
