/**
 * Notices a registry that hangs while blocking queries wait there. A frozen process keeps its connections, so a query would
 * wait out its whole time, half a minute; a small question every few seconds tells sooner. One for all queries at an address,
 * and only where there is another address to go to.
 */
import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'

/** Between two questions, ms, ± 10 %. */
const EVERY_MS = 5_000

export interface VigilOptions {
  readonly clock: Clock
  readonly random: Random
  /** Rejects when the registry does not answer. */
  readonly ask: () => Promise<unknown>
}

export class Vigil {
  readonly #options: VigilOptions
  readonly #waiting = new Set<(reason: unknown) => void>()
  #timer: Timer | undefined

  constructor(options: VigilOptions) {
    this.#options = options
  }

  /** A query waits; `giveUp` is called when the registry hangs. Returns what ends it. */
  enter(giveUp: (reason: unknown) => void): () => void {
    this.#waiting.add(giveUp)
    if (this.#timer === undefined) this.#schedule()
    return () => {
      this.#waiting.delete(giveUp)
    }
  }

  /** Ends all questions. */
  close(): void {
    this.#waiting.clear()
    this.#timer?.cancel()
  }

  #schedule(): void {
    const { clock, random } = this.#options
    this.#timer = clock.after(EVERY_MS * (0.9 + 0.2 * random()), () => void this.#ask())
  }

  async #ask(): Promise<void> {
    try {
      if (this.#waiting.size > 0) await this.#options.ask()
    } catch (reason) {
      for (const giveUp of [...this.#waiting]) giveUp(reason)
    }
    this.#timer = undefined
    if (this.#waiting.size > 0) this.#schedule()
  }
}
