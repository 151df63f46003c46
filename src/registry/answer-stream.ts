/** An answer without an end as a Node stream: for as long as its client keeps up with what is written, and stays. */
import { Writable } from 'node:stream'
import type { ServerExchange } from '../wire/contract.ts'

export class AnswerStream extends Writable {
  readonly #exchange: ServerExchange
  #written: (() => void) | undefined

  constructor(exchange: ServerExchange) {
    super({ decodeStrings: true })
    this.#exchange = exchange
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, written: () => void): void {
    if (this.#exchange.write(bytes)) written()
    else this.#written = written
  }

  override _final(done: () => void): void {
    this.#exchange.end()
    done()
  }

  /** Broken off, so that nobody takes it for whole. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished) this.#exchange.reset()
    done(error)
  }

  /** The client's socket takes more. */
  drained(): void {
    const written = this.#written
    this.#written = undefined
    written?.()
  }
}
