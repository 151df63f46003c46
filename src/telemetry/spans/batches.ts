/**
 * Spans wait here until there are enough for a batch, or until the oldest has waited for long enough. One batch is under way at a time.
 * What has no room in the queue is dropped and counted: telemetry may not take the memory of what it looks at.
 */
import type { Clock, Timer } from '../../core/clock.ts'
import type { FinishedSpan, SpanSink } from './contract.ts'
import type { BatchSettings } from './settings.ts'

export type DropReason = 'queue_full' | 'refused' | 'failed' | 'exit'

export interface BatchesOptions extends Pick<BatchSettings, 'queueMax' | 'batchMax' | 'delayMs'> {
  readonly clock: Clock
  /** Resolves when it is over with the batch; rejects by the signal's reason, and on a mistake of ours. */
  readonly send: (spans: readonly FinishedSpan[], signal: AbortSignal) => Promise<void>
  readonly dropped: (count: number, reason: DropReason) => void
  /** Told of such a mistake: telemetry may not end the process. */
  readonly failed: (error: unknown) => void
}

export class Batches implements SpanSink {
  readonly #options: BatchesOptions
  readonly #queue: FinishedSpan[] = []
  readonly #stop = new AbortController()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  /** All are to be sent, also those that make no full batch. */
  #isFlushing = false

  constructor(options: BatchesOptions) {
    this.#options = options
  }

  add(span: FinishedSpan): void {
    const { queueMax, batchMax, delayMs, clock, dropped } = this.#options
    if (this.#stop.signal.aborted) dropped(1, 'exit')
    else if (this.#queue.length >= queueMax) dropped(1, 'queue_full')
    else {
      this.#queue.push(span)
      if (this.#queue.length >= batchMax) this.#run()
      else this.#timer ??= clock.after(delayMs, () => this.#due())
    }
  }

  /** Sends all that is there. Resolves when it is out, or given up. */
  async flush(): Promise<void> {
    this.#isFlushing = this.#queue.length > 0
    this.#run()
    await this.#running
  }

  /** Sends what is there for at most `ms`, and drops the rest. */
  async close(ms: number): Promise<void> {
    const timer = this.#options.clock.after(ms, () => this.#stop.abort(), true)
    await this.flush()
    timer.cancel()
    this.#timer?.cancel()
    this.#stop.abort()
  }

  #due(): void {
    this.#timer = undefined
    void this.flush()
  }

  #run(): void {
    if (this.#running === undefined && this.#isDue()) this.#running = this.#sendAll()
  }

  #isDue(): boolean {
    return this.#queue.length >= this.#options.batchMax || (this.#isFlushing && this.#queue.length > 0)
  }

  #lost(count: number, error: unknown): void {
    const { dropped, failed } = this.#options
    const isEnd = this.#stop.signal.aborted
    dropped(count, isEnd ? 'exit' : 'failed')
    if (!isEnd) failed(error)
  }

  async #sendAll(): Promise<void> {
    const { batchMax, send, dropped } = this.#options
    const { signal } = this.#stop
    do {
      const batch = this.#queue.splice(0, batchMax)
      await send(batch, signal).catch((error) => this.#lost(batch.length, error))
      if (signal.aborted) dropped(this.#queue.splice(0).length, 'exit')
    } while (this.#isDue())
    this.#isFlushing = false
    this.#running = undefined
  }
}
