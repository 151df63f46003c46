import type { Socket } from 'node:net'

/**
 * The sockets below TLS: they count from the first moment on, and can be closed, also while Node keeps them to itself in the
 * middle of a handshake.
 */
export class TlsSockets {
  readonly #all = new Set<Socket>()
  /** By the client's address, as the socket above TLS does not tell which one is below it. */
  readonly #shaking = new Map<string, Socket>()

  get size(): number {
    return this.#all.size
  }

  add(socket: Socket): void {
    const key = keyOf(socket)
    this.#all.add(socket)
    this.#shaking.set(key, socket)
    socket.once('close', () => {
      this.#all.delete(socket)
      if (this.#shaking.get(key) === socket) this.#shaking.delete(key)
    })
  }

  /** The handshake is over. */
  secured(socket: Socket): void {
    this.#shaking.delete(keyOf(socket))
  }

  /** Closes the connection that has been at its handshake for the longest time; false where there is none. */
  closeOldest(): boolean {
    const [oldest] = this.#shaking
    if (oldest === undefined) return false
    const [key, socket] = oldest
    this.#shaking.delete(key)
    this.#all.delete(socket)
    socket.destroy()
    return true
  }

  destroy(): void {
    for (const socket of this.#all) socket.destroy()
  }
}

const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
