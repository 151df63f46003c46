/** Counts requests whose answers are not out, and tells when none is left. */
import { type Clock, sleep } from '../core/clock.ts'

export class InFlight {
  #count = 0
  #begun = 0
  readonly #waiting: (() => void)[] = []

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#count++
    this.#begun++
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

  /** Resolves when none has begun for `quietMs`, at the latest after `limitMs`. */
  async quiet(quietMs: number, limitMs: number, clock: Clock): Promise<void> {
    for (let waited = 0; waited < limitMs; waited += quietMs) {
      const begun = this.#begun
      await sleep(quietMs, clock)
      if (begun === this.#begun) return
    }
  }
}
