import type { Clock } from '../core/clock.ts'
import type { BodySink, BodySource } from '../wire/contract.ts'
import { IdleTimer } from './idle.ts'

export interface MeterOptions {
  readonly clock: Clock
  /** Bytes. */
  readonly max: number
  readonly idleMs: number
  /** Each chunk gives it `idleMs` anew. */
  readonly pausesCount: boolean
  onTooLong(): void
  onIdle(): void
  /** Why the exchange has failed, if it has. */
  failure(): Error | undefined
  /** Breaks the body off. */
  readonly signal: AbortSignal
}

/** A body with its bytes counted and its pauses timed. */
export class MeteredBody implements BodySource {
  readonly #body: BodySource
  readonly #options: MeterOptions
  readonly #idle: IdleTimer
  readonly #onAbort: () => void
  #total = 0
  /** Held back by its taker, because the upstream is slow: then it is not idle, and the call's deadline bounds that. */
  #held = false

  constructor(body: BodySource, options: MeterOptions) {
    this.#body = body
    this.#options = options
    this.#idle = new IdleTimer(options.clock, options.idleMs, () => {
      if (!this.#held) options.onIdle()
    })
    this.#onAbort = () => this.drop(options.failure() ?? new Error('the exchange was broken off'))
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    // A pipelined request may have lost its client before its turn came.
    if (options.signal.aborted) this.#onAbort()
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
      end: (trailers) => {
        this.close()
        sink.end(trailers)
      },
      // Who broke it off knows why better than the engine does.
      fail: (error) => {
        this.close()
        sink.fail(this.#options.failure() ?? error)
      },
    })
  }

  pause(): void {
    this.#held = true
    this.#body.pause()
  }

  resume(): void {
    this.#held = false
    this.#idle.touch()
    this.#body.resume()
  }

  drop(reason: Error): void {
    this.close()
    this.#body.drop(reason)
  }

  /** Ends the watch over it. Idempotent. */
  close(): void {
    this.#idle.cancel()
    this.#options.signal.removeEventListener('abort', this.#onAbort)
  }

  #count(bytes: Uint8Array): boolean {
    if (this.#options.pausesCount) this.#idle.touch()
    this.#total += bytes.length
    if (this.#total <= this.#options.max) return true
    this.#options.onTooLong()
    return false
  }
}
