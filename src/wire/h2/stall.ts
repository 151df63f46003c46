/** Cuts off who takes nothing of an answer, each stream by itself, as others of its connection may flow. */
import type { Sweep, Swept } from '../sweep.ts'
import { CODE } from './codes.ts'
import type { SendWindow } from './send-window.ts'

export class Stall implements Swept {
  dueTick: number
  readonly #sweep: Sweep<Swept>
  readonly #ms: number
  readonly #sending: SendWindow

  /** Looks every `ms`, so that a stream has up to twice that: to note for each when it began to wait costs more than it is worth. */
  constructor(sweep: Sweep<Swept>, ms: number, sending: SendWindow) {
    this.#sweep = sweep
    this.#ms = ms
    this.#sending = sending
    this.dueTick = sweep.in(ms)
    sweep.add(this)
  }

  overdue(): void {
    for (const sender of this.#sending.stuck()) sender.cancel(CODE.cancel)
    this.dueTick = this.#sweep.in(this.#ms)
  }

  end(): void {
    this.#sweep.delete(this)
  }
}
