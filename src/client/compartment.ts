/** Calls to one service, counted as a whole and by operation, and those that wait for their turn: first come, first served. */
import type { BulkheadPolicy } from './guard-policy.ts'

export interface Waiting {
  readonly operation: string
  readonly policy: BulkheadPolicy
  go(): void
}

export class Compartment {
  readonly #byOperation = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  #calls = 0

  get calls(): number {
    return this.#calls
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** False where there is no room; else it is counted until `leave`. */
  enter(operation: string, { calls = Infinity, perOperation = Infinity }: BulkheadPolicy): boolean {
    const own = this.#byOperation.get(operation) ?? 0
    if (this.#calls >= calls || own >= perOperation) return false
    this.#calls++
    this.#byOperation.set(operation, own + 1)
    return true
  }

  leave(operation: string): void {
    this.#calls--
    const left = this.#byOperation.get(operation)! - 1
    if (left === 0) this.#byOperation.delete(operation)
    else this.#byOperation.set(operation, left)
    // More than one, where policies differ: one was held back by all calls, another by those of its operation.
    for (const waiting of this.#waiting) {
      if (!this.enter(waiting.operation, waiting.policy)) continue
      this.#waiting.delete(waiting)
      waiting.go()
    }
  }

  wait(waiting: Waiting): void {
    this.#waiting.add(waiting)
  }

  forget(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }
}
