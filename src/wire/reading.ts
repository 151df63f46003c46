/**
 * Reading without garbage: what comes on a socket is put into one buffer that all sockets share, and is read to its end before
 * the next read begins. Node's way makes 64 KiB, cuts them to size and wraps them, for each read. Price: what is kept must be
 * copied; of a large body that costs more than it saves, so its connection reads into buffers of its own, which are lent or given
 * away as they are.
 */
import { type OnReadOpts, Socket } from 'node:net'
import type { Done, Lender, Loan } from './body.ts'
import { Stock } from './stock.ts'

const READ_BYTES = 64 * 1024
/** What is this long is given away and not copied, bytes. */
const LARGE_BYTES = 16 * 1024

/** What is shorter is copied into memory that others share, bytes. */
const LOAN_BYTES = 2 * 1024
const SMALL = new Stock(16 * 1024)
const MIDDLE = new Stock(READ_BYTES)
const LARGE = new Stock(256 * 1024)

const common = Buffer.allocUnsafeSlow(READ_BYTES)
/** The beginnings of `common`, by length: the same few come again and again. */
const beginnings: Buffer[] = []
const BEGINNINGS = 2048

function beginning(length: number): Buffer {
  if (length >= BEGINNINGS) return common.subarray(0, length)
  beginnings[length] ??= common.subarray(0, length)
  return beginnings[length]
}

/** Of a small part, in memory that others share: for what is soon let go of, as one piece keeps all of it. */
function sharedCopy(part: Buffer): Buffer {
  const { length } = part
  if (slabUsed + length > READ_BYTES) {
    slab = Buffer.allocUnsafeSlow(READ_BYTES)
    slabUsed = 0
  }
  slab.set(part, slabUsed)
  slabUsed += length
  return slab.subarray(slabUsed - length, slabUsed)
}

let slab = Buffer.allocUnsafeSlow(READ_BYTES)
let slabUsed = 0

function ownCopy(part: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(part.length)
  copy.set(part)
  return copy
}

/** Takes what has come; false = read no more. The bytes are others' when it returns: see `Reading.keep`. */
export type Take = (bytes: Buffer) => unknown

/** A buffer that is lent out in parts. */
class Lent {
  readonly buffer: Buffer
  readonly #stock: Stock
  /** The connection that reads into it, and those who have parts. */
  users = 0

  constructor(stock: Stock) {
    this.#stock = stock
    this.buffer = stock.take()
  }

  enter(): this {
    this.users++
    return this
  }

  /** For one part more. To give it back twice must do no harm: the next to use the buffer would be read by others. */
  part(): Done {
    this.enter()
    let isOut = true
    return (error) => {
      if (error || !isOut) return
      isOut = false
      this.leave()
    }
  }

  leave(): void {
    if (--this.users === 0) this.#stock.put(this.buffer)
  }
}

export class Reading implements Lender {
  /** For the socket's maker. */
  readonly onread: OnReadOpts = { buffer: () => this.#next(), callback: (length) => this.#onRead(length) }
  #take: Take = () => false
  /** The buffer that is read into, where it is not `common`. */
  #own: Lent | undefined
  /** A large body is coming. */
  #isLarge = false
  #followed: Socket | undefined

  /** Who takes it. */
  to(take: Take): void {
    this.#take = take
  }

  /** `part` of what has just come, for as long as one likes. */
  keep(part: Buffer): Buffer {
    if (!this.#has(part)) return part
    // Of which it is but a small part it would keep all.
    if (this.#own === undefined || part.length < LARGE.bytes / 2) return ownCopy(part)
    // Never given back, so the buffer is the taker's.
    this.#own.enter()
    return part
  }

  /** The same until it is given back, where that saves a copy. */
  lend(part: Buffer): Loan | undefined {
    if (this.#own === undefined || part.length < LARGE_BYTES || !this.#has(part)) return undefined
    return { bytes: part, done: this.#own.part() }
  }

  /** The same, or a copy. */
  lendCopy(part: Buffer): Loan | undefined {
    const { length } = part
    if (this.#own !== undefined || length < LOAN_BYTES || !this.#has(part)) return this.lend(part)
    const copy = new Lent(length <= SMALL.bytes ? SMALL : MIDDLE)
    copy.buffer.set(part)
    return { bytes: copy.buffer.subarray(0, length), done: copy.part() }
  }

  /** The same for a moment. */
  hold(part: Buffer): Buffer {
    return this.#has(part) ? sharedCopy(part) : part
  }

  #has(part: Buffer): boolean {
    return part.buffer === (this.#own?.buffer ?? common).buffer
  }

  /** Nothing large is coming any more: an idle connection needs no buffer of its own. */
  calm(): void {
    this.#isLarge = false
  }

  /** From here on what comes is for those who listen to `socket`. */
  release(socket: Socket): void {
    if (socket === this.#followed) socket.off('data', this.#onData)
    else this.#take = (bytes) => socket.push(Buffer.from(bytes))
  }

  /** Reads a socket that has its own way, as those of TLS. */
  follow(socket: Socket): void {
    this.#followed = socket
    socket.on('data', this.#onData)
  }

  readonly #onData = (bytes: Buffer) => void this.#take(bytes)

  #onRead(length: number): boolean {
    this.#isLarge = length >= LARGE_BYTES
    return this.#take(this.#own?.buffer.subarray(0, length) ?? beginning(length)) !== false
  }

  #next(): Buffer {
    const own = this.#own
    if (this.#isLarge && own?.users === 1) return own.buffer
    own?.leave()
    this.#own = this.#isLarge ? new Lent(LARGE).enter() : undefined
    return this.#own?.buffer ?? common
  }
}

/**
 * The connection of `accepted` as a socket that reads so. Servers have no option for it, so a second socket takes over the
 * handle, as `cluster` and `tls` do it; where there is none it stays as it is.
 */
export function adopt(accepted: Socket, reading: Reading): Socket {
  const { _handle: handle, server, _server } = accepted as unknown as Accepted
  if (!handle) {
    reading.follow(accepted)
    return accepted
  }
  const { onread } = reading
  const socket = new Socket({ handle, allowHalfOpen: accepted.allowHalfOpen, onread } as object)
  // By which the server counts its connections.
  Object.assign(socket, { server, _server })
  Object.assign(accepted, { _handle: null })
  return socket
}

/** What Node's servers leave on a socket. */
interface Accepted {
  readonly _handle?: object | null
  readonly server?: unknown
  readonly _server?: unknown
}
