/** DNS over TCP (RFC 7766): each message behind two bytes with its length, any number of them a connection. */
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock, Timer } from '../../core/clock.ts'

export interface TcpOptions {
  readonly clock: Clock
  /** The answer to a message, or undefined for none. Must not throw. */
  readonly respond: (message: Buffer) => Buffer | undefined
  /** More at a time are refused: they would be an attack, or a client that forgets to close. */
  readonly maxConnections: number
  /** A connection without a whole query for so long is closed, ms. */
  readonly idleMs: number
  /** Called with +1 and −1. */
  readonly onConnections: (change: number) => void
}

export interface TcpListener {
  readonly server: Server
  close(): Promise<void>
}

export function createTcpListener(options: TcpOptions): TcpListener {
  const open = new Set<Socket>()
  // A client that has asked everything may close its side before it has its answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    options.onConnections(1)
    socket.once('close', () => {
      open.delete(socket)
      options.onConnections(-1)
    })
    new Connection(socket, options).run()
  })
  server.maxConnections = options.maxConnections
  return {
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

const PREFIX_BYTES = 2
/** A client that asks much at once waits after so long, ms: everybody else does, too. */
const TURN_MS = 5

class Connection {
  readonly #socket: Socket
  readonly #options: TcpOptions
  #received: Buffer = Buffer.alloc(0)
  #isWaiting = false
  #hasEnded = false
  #idle: Timer | undefined

  constructor(socket: Socket, options: TcpOptions) {
    this.#socket = socket
    this.#options = options
  }

  run(): void {
    const socket = this.#socket
    socket.setNoDelay()
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => {
      this.#hasEnded = true
      if (!this.#isWaiting) socket.end()
    })
    // A client that breaks off is no concern of ours; 'close' follows.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#idle?.cancel())
    this.#restartIdle()
  }

  /** Bytes of half a message do not count as life: else one byte now and then would hold a connection for ever. */
  #restartIdle(): void {
    this.#idle?.cancel()
    this.#idle = this.#options.clock.after(this.#options.idleMs, () => this.#socket.destroy())
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    this.#answerAll()
  }

  /** Stops at the first answer that the client is too slow to take: else it could ask for more than memory holds. */
  #answerAll(): void {
    const { clock, respond } = this.#options
    const turnEnd = clock.monotonic() + TURN_MS
    for (let message = this.#nextMessage(); message !== undefined; message = this.#nextMessage()) {
      this.#restartIdle()
      const answer = respond(message)
      if (answer === undefined) {
        this.#socket.destroy() // what follows nonsense is not worth reading
        return
      }
      if (!this.#send(answer)) {
        this.#waitUntil((ready) => this.#socket.once('drain', ready))
        return
      }
      if (clock.monotonic() >= turnEnd) {
        this.#waitUntil(setImmediate)
        return
      }
    }
    if (this.#hasEnded) this.#socket.end()
  }

  /** Undefined until it is all there. */
  #nextMessage(): Buffer | undefined {
    if (this.#received.length < PREFIX_BYTES) return undefined
    const end = PREFIX_BYTES + this.#received.readUInt16BE(0)
    if (this.#received.length < end) return undefined
    const message = this.#received.subarray(PREFIX_BYTES, end)
    this.#received = this.#received.subarray(end)
    return message
  }

  /** False when the client does not take its answers. */
  #send(answer: Buffer): boolean {
    const prefix = Buffer.alloc(PREFIX_BYTES)
    prefix.writeUInt16BE(answer.length)
    this.#socket.cork()
    this.#socket.write(prefix)
    const isFlowing = this.#socket.write(answer)
    this.#socket.uncork()
    return isFlowing
  }

  #waitUntil(whenReady: (goOn: () => void) => void): void {
    this.#isWaiting = true
    this.#socket.pause()
    whenReady(() => {
      this.#isWaiting = false
      if (this.#socket.destroyed) return
      this.#socket.resume()
      this.#answerAll()
    })
  }
}
