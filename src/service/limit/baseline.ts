/**
 * How long each operation takes when there is no crowd: what a time in a crowd is compared with. Means, not minima: where some
 * answers come from a cache, the fastest says nothing about the others.
 */

/** A difference of less than this is the event loop's, not the load's, ms. */
const SLACK_MS = 1
/** As many samples make a mean that is trusted; after that each moves it by a hundredth. */
const LEARNT = 10
const MEMORY = 100
/** The spread is learnt as well. It begins wide, so that a newcomer's chances are no evidence. */
const FIRST_VARIANCE = 0.25
const LARGEST_VARIANCE = 4

interface Mean {
  ms: number
  count: number
}

export class Baseline {
  readonly #means = new Map<string, Mean>()
  /** What the slowest operation takes, ms; 0 while nothing is known. */
  longestMs = 0
  #variance = FIRST_VARIANCE

  /** How many times as long as normal; `quiet` = this one was in no crowd, so that it says what is normal. */
  compare(operation: string, ms: number, quiet: boolean): number {
    const mean = this.#meanOf(operation, ms)
    const times = (ms + SLACK_MS) / (mean.ms + SLACK_MS)
    if (quiet || mean.count < LEARNT) {
      mean.count = Math.min(mean.count + 1, MEMORY)
      mean.ms += (ms - mean.ms) / mean.count
      this.longestMs = Math.max(mean.ms, this.longestMs)
      this.#variance += (Math.min((times - 1) ** 2, LARGEST_VARIANCE) - this.#variance) / MEMORY
    }
    return times
  }

  /**
   * Three times the standard error of a mean of so many comparisons: what lies within is chance. Twice as long as normal never is:
   * where times are so different that it could be, a process that is stopped now and then say, a crowd would pass for chance.
   */
  chance(count: number): number {
    return Math.min(1, 3 * Math.sqrt(this.#variance / count))
  }

  /** All take so many times as long now, crowd or not. */
  scale(times: number): void {
    for (const mean of this.#means.values()) mean.ms = (mean.ms + SLACK_MS) * times - SLACK_MS
  }

  #meanOf(operation: string, ms: number): Mean {
    let mean = this.#means.get(operation)
    if (mean === undefined) {
      mean = { ms, count: 0 }
      this.#means.set(operation, mean)
    }
    return mean
  }
}
