/**
 * Which of a registry's addresses to ask first. Each client begins with an order of chance, so that clients spread over the
 * addresses, and those of an address that dies spread over the others. It then stays with the address that works: going back
 * to the first one would move every client twice for each restart. Pure but for the generator.
 */
import { type Random, shuffled } from '../core/random.ts'

export class Failover<T> {
  #turn: readonly T[]

  constructor(all: readonly T[], random: Random) {
    this.#turn = shuffled(all, random)
  }

  /** In the order to ask; never changed in place. */
  get turn(): readonly T[] {
    return this.#turn
  }

  /** The one in use. */
  get first(): T {
    return this.#turn[0]!
  }

  /**
   * `one` has answered what `failed` could not: it comes first from now on, if the first is among those. So one request moves
   * on and the others find it done. When all have failed nothing moves.
   */
  moveTo(one: T, failed: { has(one: T): boolean }): boolean {
    const at = this.#turn.indexOf(one)
    if (at <= 0 || !failed.has(this.first)) return false
    this.#turn = [...this.#turn.slice(at), ...this.#turn.slice(0, at)]
    return true
  }
}
