/**
 * What a filter may cost. Matching takes time linear in the text and in the pattern, but both come from strangers, and
 * an answer that asks ten thousand instances holds the registry's only event loop: so its work is counted, and ends.
 */
import { Refusal } from '../state/refusal.ts'

/** For one answer: about a tenth of a second. Fifty for each of 40,000 instances, where `^web-[0-9]+$` takes thirty. */
export const STEPS_MAX = 2_000_000

export class Steps {
  readonly #what: string
  #left = STEPS_MAX

  /** @param what is named in the error. */
  constructor(what: string) {
    this.#what = what
  }

  /** For the next answer. */
  begin(): void {
    this.#left = STEPS_MAX
  }

  /** @throws Refusal 400: asking again would cost as much again. */
  take(steps = 1): void {
    this.#left -= steps
    if (this.#left < 0) throw new Refusal(400, `${this.#what} ${EXCEEDED}`)
  }
}

const EXCEEDED = `takes more than ${STEPS_MAX} steps for one answer; use a shorter regular expression, ==, in or contains`
