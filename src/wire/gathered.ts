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

/** What it needs of its connection. */
export interface GatheringConnection {
  readonly socket: Socket
  /** Requests whose answers are not whole, the one that is being answered included. */
  readonly queue: readonly unknown[]
  /** What was written has not gone out. */
  stalled(): void
  flows(): void
}

export class Gathered {
  readonly #connection: GatheringConnection
  #text = ''
  /** Oldest first; the last `#fresh` of them are in `#text`. */
  #answers: Handing[] | undefined
  #fresh = 0

  constructor(connection: GatheringConnection) {
    this.#connection = connection
  }

  /** Takes a whole answer; false where there are no others to wait for. */
  take(text: string, answer: Handing): boolean {
    const { queue, socket } = this.#connection
    if (queue.length < 2 && this.#fresh === 0) return false
    // What waits in the socket waits for the client, who is not served any sooner by this.
    if (socket.writableLength > 0) return false
    if (this.#fresh === 0) setImmediate(() => this.flush())
    this.#text += text
    this.#answers ??= []
    this.#answers.push(answer)
    this.#fresh++
    if (this.#text.length >= ENOUGH) this.flush()
    return true
  }

  /** Writes what was taken. */
  flush(): void {
    const count = this.#fresh
    const { socket } = this.#connection
    // Of a socket that is closed already, `gone` is told; it takes what is written without a word, as if it had gone out.
    if (count === 0 || socket.destroyed) return
    const text = this.#text
    this.#text = ''
    this.#fresh = 0
    socket.write(text, 'latin1')
    if (socket.writableLength === 0) return void this.#deliver(count)
    this.#connection.stalled()
    socket.write('', (error) => {
      // Of a failed socket, `gone` is told.
      if (error) return
      if (socket.writableLength === 0) this.#connection.flows()
      this.#deliver(count)
    })
  }

  #deliver(count: number): void {
    for (const answer of this.#answers!.splice(0, count)) answer.delivered()
  }

  /** The connection is over. */
  gone(error: Error): void {
    this.#text = ''
    this.#fresh = 0
    for (const answer of this.#answers?.splice(0) ?? []) answer.gone(error)
  }
}
