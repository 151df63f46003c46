import type { Socket } from 'node:net'
import type { Flow } from './incoming.ts'

/** The flow of the bodies that come on a connection, which itself holds back by it too. */
export class SocketFlow implements Flow {
  readonly #socket: Socket
  #held = false
  #released = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  pause(): void {
    if (this.#held) return
    this.#held = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#held || this.#released) return
    this.#held = false
    this.#socket.resume()
  }

  drop(): void {
    this.resume()
  }

  /** From here on it is somebody else's affair. */
  release(): void {
    this.#released = true
  }
}
