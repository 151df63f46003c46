/**
 * Answers to requests that came together, written together: with one system call for all that are whole by the end of the turn
 * of the event loop. The call is what an answer costs most.
 */
import type { Socket } from 'node:net'

/** More is written at once: there is nothing to save. */
const ENOUGH = 16 * 1024

/** An answer that is whole, as far as it is concerned. */
export interface Handing {
  /** Its last byte was handed to the system. */
  delivered(): void
  gone(error: Error): void
}

export class Gathered {
  readonly #socket: Socket
  readonly #onStalled: () => void
  #text = ''
  /** Oldest first; the last `#fresh` of them are in `#text`. */
  #answers: Handing[] = []
  #fresh = 0

  /** `onStalled`: what was written has not gone out. */
  constructor(socket: Socket, onStalled: () => void) {
    this.#socket = socket
    this.#onStalled = onStalled
  }

  /** Something waits to be written; whatever else is written has to come behind it. */
  get pending(): boolean {
    return this.#fresh > 0
  }

  add(text: string, answer: Handing): void {
    if (this.#fresh === 0) setImmediate(() => this.flush())
    this.#text += text
    this.#answers.push(answer)
    this.#fresh++
    if (this.#text.length >= ENOUGH) this.flush()
  }

  flush(): void {
    const count = this.#fresh
    if (count === 0) return
    const text = this.#text
    this.#text = ''
    this.#fresh = 0
    this.#socket.write(text, 'latin1')
    if (this.#socket.writableLength === 0) return void this.#deliver(count)
    this.#onStalled()
    this.#socket.write('', (error) => {
      // Of a failed socket, `gone` is told.
      if (!error) this.#deliver(count)
    })
  }

  #deliver(count: number): void {
    for (const answer of this.#answers.splice(0, count)) answer.delivered()
  }

  /** The connection is over. */
  gone(error: Error): void {
    this.#text = ''
    this.#fresh = 0
    for (const answer of this.#answers.splice(0)) answer.gone(error)
  }
}
