/** A body on its way in: between the connection that reads it and whoever takes it. */
import { finished, Readable } from 'node:stream'
import type { RawHeaders } from '../core/headers.ts'
import type { BodySink, BodySource, Done, Lender } from './body.ts'
import { HELD_BYTES, HELD_PIECES } from './limits.ts'

/** What the connection does for the body. */
export interface Flow {
  pause(): void
  resume(): void
  /** The rest is not wanted. */
  drop(reason: Error): void
}

type State = 'coming' | 'whole' | 'broken'

export class Incoming implements BodySource {
  readonly #flow: Flow
  #sink: BodySink | undefined
  #held: Uint8Array[] = []
  /** What gives them back, by their places. */
  #loans: (Done | undefined)[] = []
  #heldBytes = 0
  #paused = false
  /** True while the connection is asked to hold back. */
  #stopped = false
  #state: State = 'coming'
  /** True once the sink knows how it ended. */
  #told = false
  #dropped = false
  #trailers: RawHeaders = []
  #error: Error | undefined

  constructor(flow: Flow) {
    this.#flow = flow
  }

  get complete(): boolean {
    return this.#state === 'whole'
  }

  get started(): boolean {
    return this.#sink !== undefined || this.#told || this.#dropped
  }

  whole(): Uint8Array {
    const [first] = this.#held
    const whole = this.#held.length === 1 ? first! : this.#joined()
    this.#claim(UNHEARD)
    this.#held = []
    this.#heldBytes = 0
    this.#told = true
    return whole
  }

  loan(): Done | undefined {
    return this.#loans.pop()
  }

  // The connection's side.

  /** `done` gives `bytes` back, where they are lent. */
  push(bytes: Uint8Array, done?: Done): void {
    if (this.#state !== 'coming') return
    if (this.#sink !== undefined && !this.#paused && this.#held.length === 0) return void hand(this.#sink, bytes, done)
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (done !== undefined) this.#loans[this.#held.length - 1] = done
    if (this.#held.length === HELD_PIECES) this.#held = [this.#joined()]
    if (this.#heldBytes >= HELD_BYTES) this.#stop()
  }

  /** Bytes that are `lender`'s: lent to who knows how to give them back, or may turn out to; in a copy where `inCopy`. */
  borrow(bytes: Buffer, lender: Lender, inCopy = false): void {
    if (this.#state !== 'coming') return
    const { lend } = this.#sink ?? LENDING
    if (lend === undefined) return void this.push(lender.keep(bytes))
    const loan = inCopy && this.#sink === undefined ? lender.lendCopy(bytes) : lender.lend(bytes)
    this.push(loan?.bytes ?? lender.keep(bytes), loan?.done)
  }

  /** All of an answer. */
  borrowWhole(bytes: Buffer, lender: Lender): void {
    const loan = lender.lendCopy(bytes)
    this.push(loan?.bytes ?? lender.hold(bytes), loan?.done)
  }

  end(trailers: RawHeaders): void {
    if (this.#state !== 'coming') return
    this.#state = 'whole'
    this.#trailers = trailers
    this.#deliver()
  }

  /** What was held is still handed over first. */
  fail(error: Error): void {
    if (this.#state !== 'coming') return
    this.#state = 'broken'
    this.#error = error
    this.#deliver()
  }

  // The taker's side.

  read(sink: BodySink): void {
    this.#claim(sink)
    this.#deliver()
  }

  pause(): void {
    this.#paused = true
    if (this.#state === 'coming') this.#stop()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  drop(reason: Error): void {
    if (this.#told || this.#dropped) return
    this.#dropped = true
    this.#held = []
    this.#giveBack()
    this.#heldBytes = 0
    const coming = this.#state === 'coming'
    this.#state = 'broken'
    this.#error = reason
    this.#tell()
    if (coming) this.#flow.drop(reason)
  }

  #joined(): Buffer {
    const joined = Buffer.concat(this.#held)
    this.#giveBack()
    return joined
  }

  #giveBack(): void {
    for (const done of this.#loans) done?.()
    this.#loans = []
  }

  #claim(sink: BodySink): void {
    if (this.#sink !== undefined) throw new Error('this body has been read already')
    this.#sink = sink
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#flow.pause()
  }

  /** Hands over what is held until the taker pauses; then the end, or asks for more. */
  #deliver(): void {
    if (this.#sink === undefined) return
    while (this.#held.length > 0 && !this.#paused) {
      const bytes = this.#held.shift()!
      this.#heldBytes -= bytes.length
      hand(this.#sink, bytes, this.#loans.shift())
    }
    if (this.#held.length > 0 || this.#paused) return
    if (this.#state !== 'coming') this.#tell()
    else if (this.#stopped) {
      this.#stopped = false
      this.#flow.resume()
    }
  }

  /** Who comes to read after the end hears of it then. */
  #tell(): void {
    if (this.#told || this.#sink === undefined) return
    this.#told = true
    if (this.#error === undefined) this.#sink.end(this.#trailers)
    else this.#sink.fail(this.#error)
  }
}

function hand(sink: BodySink, bytes: Uint8Array, done: Done | undefined): void {
  if (done === undefined || sink.lend === undefined) sink.chunk(bytes)
  else sink.lend(bytes, done)
}

/** One that has come in one piece. */
export function wholeBody(flow: Flow, bytes: Buffer): Incoming {
  const body = new Incoming(flow)
  body.push(bytes)
  body.end([])
  return body
}

/** While nobody has come to take it. */
const LENDING: Pick<BodySink, 'lend'> = { lend() {} }

/** Of a body that was taken in one piece. */
const UNHEARD: BodySink = { chunk() {}, end() {}, fail() {} }

/** Resolves with all of a body. @throws what broke it off */
export function readAll(body: BodySource): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    body.read({
      chunk: (bytes) => void chunks.push(bytes),
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    })
  })
}

/** The body as a Node stream, for those who want one. Destroying it drops the body. */
export function toReadable(body: BodySource): Readable {
  let started = false
  const stream = new Readable({
    highWaterMark: HELD_BYTES,
    read() {
      if (started) return body.resume()
      started = true
      body.read({
        chunk: (bytes) => {
          if (!stream.push(bytes)) body.pause()
        },
        end: () => void stream.push(null),
        fail: (error) => void stream.destroy(error),
      })
    },
    destroy(error, done) {
      body.drop(error ?? new Error('the body was not wanted'))
      done(error)
    },
  })
  return stream
}

const CLOSED_EARLY = 'ERR_STREAM_PREMATURE_CLOSE'

/** A Node stream as a body. */
export function fromReadable(stream: Readable): BodySource {
  return {
    complete: false,
    get started() {
      return stream.readableDidRead || stream.destroyed
    },
    whole() {
      throw new Error('a stream is never known to be complete')
    },
    read(sink) {
      stream.on('data', (bytes: Uint8Array | string) =>
        sink.chunk(typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
      )
      finished(stream, { writable: false }, (error) => {
        if (error) sink.fail(error.code === CLOSED_EARLY ? new Error('the body of the request broke off') : error)
        else sink.end([])
      })
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    drop: (reason) => void stream.destroy(reason),
  }
}
