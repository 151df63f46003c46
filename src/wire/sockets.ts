import type { Socket } from 'node:net'

/** Who speaks on a socket. */
export interface Occupant {
  /** It has a request under way, or is no HTTP any more. */
  readonly busy: boolean
}

/** Nobody has said anything yet: in the middle of a TLS handshake, say. */
const NOBODY: Occupant = { busy: false }

/**
 * The sockets that the system accepted, oldest first; with TLS those below it. They count from the first moment on until they
 * are closed, whoever has them: HTTP/1.1, HTTP/2, a tunnel, or Node in the middle of a handshake.
 */
export class Sockets {
  readonly #occupants = new Map<Socket, Occupant>()
  /** By the client's address, as the socket above TLS does not tell which one is below it. */
  readonly #shaking = new Map<string, Socket>()

  get size(): number {
    return this.#occupants.size
  }

  add(socket: Socket): void {
    this.#occupants.set(socket, NOBODY)
    socket.once('close', () => this.#occupants.delete(socket))
  }

  /** A handshake begins on it. */
  shakes(socket: Socket): void {
    const key = keyOf(socket)
    this.#shaking.set(key, socket)
    socket.once('close', () => {
      if (this.#shaking.get(key) === socket) this.#shaking.delete(key)
    })
  }

  /** The handshake of `secure` is over; returns the socket below it. */
  shaken(secure: Socket): Socket | undefined {
    const key = keyOf(secure)
    const socket = this.#shaking.get(key)
    this.#shaking.delete(key)
    return socket
  }

  occupy(socket: Socket, occupant: Occupant): void {
    if (this.#occupants.has(socket)) this.#occupants.set(socket, occupant)
  }

  /** Closes the oldest that nobody is busy on; false where there is none. */
  makeRoom(): boolean {
    for (const [socket, { busy }] of this.#occupants) {
      if (busy) continue
      this.#occupants.delete(socket)
      socket.destroy()
      return true
    }
    return false
  }

  destroy(): void {
    for (const socket of this.#occupants.keys()) socket.destroy()
  }
}

const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
