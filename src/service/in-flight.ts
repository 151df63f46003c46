/** Counts requests whose answers are not out, and tells when none is left. */
import type { Clock } from '../core/clock.ts'

export class InFlight {
  #count = 0
  readonly #waiting: (() => void)[] = []

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) for (const done of this.#waiting.splice(0)) done()
  }

  /** Resolves with true when none is left, with false after `ms`. */
  async idle(ms: number, clock: Clock): Promise<boolean> {
    if (this.#count === 0) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.push(() => resolve(true))
    const timer = clock.after(ms, () => resolve(false), true)
    const empty = await promise
    timer.cancel()
    return empty
  }
}
