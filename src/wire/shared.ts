/**
 * Requests that share a connection: those begun in one turn of the event loop are written with one system call, read by the
 * other side with one, and mostly answered with one. Only for requests that may be sent twice, and for an upstream that has
 * said that it serves them side by side.
 *
 * What is in the way of the next answer must not hold up those behind it: when the first has not come whole in `SLOW_MS`, or
 * the connection ends, the others are displaced, which means that they go over connections of their own.
 */
import type { BodySink } from './body.ts'
import type { Incoming } from './incoming.ts'
import type { Sweep, Swept } from './sweep.ts'
import type { Waiting } from './waiting.ts'

/** More than a collection of garbage, or what else had the processor, keeps an instance from answering; and nobody notices it. */
const SLOW_MS = 20

export interface Sharing extends Waiting {
  /** It is on its way. */
  written(): void
  /** Nothing of its answer will come over this connection. */
  displaced(): void
}

/** What it needs of its connection. */
export interface SharedConnection {
  write(text: string): void
  /** Whose answer is the next to come. */
  turn(waiting: Sharing | undefined): void
  /** Nothing was sent: the connection is as it was. */
  unused(): void
  destroy(error: Error): void
}

export class Shared implements Swept {
  dueTick = Number.POSITIVE_INFINITY
  /** The connection ends with the answer that is the next to come. */
  last = false
  readonly #connection: SharedConnection
  readonly #sweep: Sweep<Shared>
  readonly #onSlow: () => void
  /** In the order of their answers. */
  #queue: Sharing[] = []
  /** Of the same requests, until they are written. */
  #heads: string[] = []
  /** They are written at the end of this turn. */
  pending = false
  #answers = 0

  /** `onSlow` is told when an answer has held up others. */
  constructor(connection: SharedConnection, sweep: Sweep<Shared>, onSlow: () => void) {
    this.#connection = connection
    this.#sweep = sweep
    this.#onSlow = onSlow
  }

  get size(): number {
    return this.#queue.length
  }

  /** To a connection that is idle, or waits for the end of this turn. */
  add(waiting: Sharing, head: string): void {
    if (!this.pending) setImmediate(() => this.#write())
    this.pending = true
    this.#heads.push(head)
    if (this.#queue.push(waiting) === 1) this.#connection.turn(waiting)
  }

  #write(): void {
    // The connection has ended meanwhile.
    if (!this.pending) return
    this.pending = false
    const text = this.#heads.length === 1 ? this.#heads[0]! : this.#heads.join('')
    this.#heads = []
    const [first] = this.#queue
    if (first === undefined) return void this.#connection.unused()
    for (const waiting of this.#queue) waiting.written()
    this.#connection.write(text)
    if (this.#queue.length === 1) return
    this.#sweep.add(this)
    this.dueTick = this.#sweep.in(SLOW_MS)
  }

  /** The first has its answer. Returns whose is the next. */
  next(): Sharing | undefined {
    if (this.#queue.shift() === undefined) return undefined
    this.#answers++
    if (this.#queue.length === 0) return undefined
    if (this.#queue.every(isAbandoned)) {
      // What nobody waits for is not waited for.
      this.last = true
      return undefined
    }
    this.dueTick = this.#queue.length > 1 ? this.#sweep.in(SLOW_MS) : Number.POSITIVE_INFINITY
    return this.#queue[0]
  }

  /** Answers that lie there unread, because this side was busy, are read before anybody is called slow. */
  overdue(): void {
    const answers = this.#answers
    setImmediate(() => {
      if (this.#answers === answers && this.#queue.length > 1) this.#makeWay()
    })
  }

  #makeWay(): void {
    const [first, ...behind] = this.#queue
    this.#queue = [first!]
    this.last = true
    this.#onSlow()
    if (isAbandoned(first!)) this.#connection.destroy(new Error('nobody waits for the answer any more'))
    for (const waiting of behind) waiting.displaced()
  }

  /**
   * Nobody waits for this answer any more: it is read over where others wait for theirs. `begun` says that its body is on its
   * way to somebody, who has to be told by an end of the connection.
   */
  withdraw(waiting: Sharing, begun: boolean, reason: Error): void {
    const at = this.#queue.indexOf(waiting)
    if (at < 0) return
    if (this.pending) {
      this.#queue.splice(at, 1)
      this.#heads.splice(at, 1)
      if (at === 0) this.#connection.turn(this.#queue[0])
      return
    }
    const abandoned = new Abandoned(waiting)
    this.#queue[at] = abandoned
    if ((at === 0 && begun) || this.#queue.every(isAbandoned)) return void this.#connection.destroy(reason)
    if (at === 0) this.#connection.turn(abandoned)
  }

  /** The connection is over. Returns those whose answers have not begun, in order. */
  end(): Sharing[] {
    const displaced = this.pending ? this.#queue : this.#queue.slice(1)
    this.pending = false
    this.#queue = []
    this.#heads = []
    this.#sweep.delete(this)
    return displaced
  }
}

class Abandoned implements Sharing {
  readonly method: string
  readonly bodyIdleMs: number

  constructor({ method, bodyIdleMs }: Waiting) {
    this.method = method
    this.bodyIdleMs = bodyIdleMs
  }

  head(_: unknown, body: Incoming): void {
    body.read(NO_ONE)
  }

  connected(): void {}
  responseBegan(): void {}
  drained(): void {}
  whole(): void {}
  dropped(): void {}
  failed(): void {}
  written(): void {}
  displaced(): void {}
}

const NO_ONE: BodySink = { chunk() {}, end() {}, fail() {} }

const isAbandoned = (waiting: Sharing) => waiting instanceof Abandoned
