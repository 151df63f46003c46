import type { Cancel } from '../core/cancel.ts'
import type { Clock } from '../core/clock.ts'
import type { BodySink, BodySource } from '../wire/body.ts'
import { IdleTimer } from './idle.ts'

export interface MeterOptions {
  readonly clock: Clock
  /** Bytes. */
  readonly max: number
  /** Undefined: it may pause for as long as it likes. */
  readonly idleMs: number | undefined
  /** Each chunk gives it `idleMs` anew. */
  readonly pausesCount: boolean
  onTooLong(): void
  onIdle(): void
  /** Breaks the body off. */
  readonly cancel: Cancel
}

/** The body of a request with its bytes counted and its pauses timed. */
export class MeteredBody implements BodySource {
  readonly #body: BodySource
  readonly #options: MeterOptions
  readonly #idle: IdleTimer | undefined
  readonly #forget: () => void
  #total = 0
  /** Held back by its taker, because the upstream is slow: then it is not idle, and the call's deadline bounds that. */
  #held = false

  constructor(body: BodySource, options: MeterOptions) {
    this.#body = body
    this.#options = options
    const { clock, idleMs } = options
    const overdue = () => {
      if (!this.#held) options.onIdle()
    }
    this.#idle = idleMs === undefined ? undefined : new IdleTimer(clock, idleMs, overdue)
    this.#forget = options.cancel.on((reason) => body.drop(reason))
  }

  get complete(): boolean {
    return this.#body.complete
  }

  get started(): boolean {
    return this.#body.started
  }

  whole(): Uint8Array {
    return this.#body.whole()
  }

  read(sink: BodySink): void {
    this.#body.read({
      chunk: (bytes) => this.#count(bytes) && sink.chunk(bytes),
      ...(sink.lend && { lend: (bytes, done) => this.#count(bytes) && sink.lend!(bytes, done) }),
      // Without its trailers (RFC 9110 §6.5.1 allows that): there a client could say what no rule has looked at, who it is for one.
      end: () => {
        this.close()
        sink.end([])
      },
      // Who broke it off knows why better than the engine does.
      fail: (error) => {
        this.close()
        sink.fail(this.#options.cancel.reason ?? error)
      },
    })
  }

  pause(): void {
    this.#held = true
    this.#body.pause()
  }

  resume(): void {
    this.#held = false
    this.#idle?.touch()
    this.#body.resume()
  }

  drop(reason: Error): void {
    this.close()
    this.#body.drop(reason)
  }

  /** Ends the watch over it. Idempotent. */
  close(): void {
    this.#idle?.cancel()
    this.#forget()
  }

  #count(bytes: Uint8Array): boolean {
    if (this.#options.pausesCount) this.#idle?.touch()
    this.#total += bytes.length
    if (this.#total <= this.#options.max) return true
    this.#options.onTooLong()
    return false
  }
}
