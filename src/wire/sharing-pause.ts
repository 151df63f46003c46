/** After the first time, ms. */
const FIRST_MS = 100
const LONGEST_MS = 10_000

/**
 * For how long requests do not share connections to an instance, because an answer has held up others. Once is a hiccup; where it
 * happens again soon, some of its answers are slow, and each time up to a connection's worth of requests is sent twice: so
 * the pauses double. They begin anew after one that was followed by twice its length without trouble.
 */
export class SharingPause {
  #until = Number.NEGATIVE_INFINITY
  #ms = 0

  /** `now` in monotonic ms. */
  isOver(now: number): boolean {
    return now >= this.#until
  }

  /** What is slow on several connections at once counts once. */
  begin(now: number): void {
    if (!this.isOver(now)) return
    const again = now < this.#until + 2 * this.#ms
    this.#ms = again ? Math.min(this.#ms * 2, LONGEST_MS) : FIRST_MS
    this.#until = now + this.#ms
  }
}
