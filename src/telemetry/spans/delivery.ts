/**
 * Brings a batch to the collector, with as many repetitions as OTLP asks for: after 429, 502, 503, 504, a broken connection or silence;
 * not before Retry-After, else after waits that double from 1 to 30 s with jitter. A batch is given up when its time is over.
 */
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { Collector, Verdict } from './otlp-http.ts'

export interface DeliveryOptions {
  readonly collector: Collector
  readonly clock: Clock
  readonly random: Random
  /** For one request, ms. */
  readonly timeoutMs: number
  /** For a batch with all repetitions, ms. */
  readonly exportMs: number
}

/** What became of a batch of spans. */
export interface Delivered {
  readonly refused: number
  /** All of it is lost. */
  readonly lost: boolean
  /** What the collector, or the way to it, said. */
  readonly message: string | undefined
}

const BACKOFF_MS = 1_000
const BACKOFF_MAX_MS = 30_000
/** Who asks for more than this is asked again all the same. */
const RETRY_AFTER_MAX_MS = 300_000

export class Delivery {
  readonly #options: DeliveryOptions
  /** Monotonic ms: the collector does not want to hear of anything before. */
  #notBefore = 0

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** Rejects with the signal's reason, and with nothing else. */
  async send(body: string, signal: AbortSignal): Promise<Delivered> {
    const { collector, clock, timeoutMs, exportMs } = this.#options
    await this.#wait(this.#notBefore - clock.monotonic(), signal)
    const end = clock.monotonic() + exportMs
    for (let attempt = 0; ; attempt++) {
      const left = Math.max(1, end - clock.monotonic())
      const verdict = await collector.post(body, Math.min(timeoutMs, left), signal)
      signal.throwIfAborted()
      const delivered = deliveredBy(verdict)
      if (delivered !== undefined) return delivered
      const waitMs = this.#pauseAfter(verdict, attempt)
      if (clock.monotonic() + waitMs >= end) return { refused: 0, lost: true, message: verdict.message }
      await this.#wait(waitMs, signal)
    }
  }

  #pauseAfter(verdict: Verdict, attempt: number): number {
    const { afterMs } = verdict as Extract<Verdict, { kind: 'again' }>
    if (afterMs === undefined) return this.#backoff(attempt)
    // "At once" is believed the first time: who says so again and again would be asked without a pause.
    const leastMs = attempt === 0 ? 0 : this.#backoff(attempt - 1)
    const waitMs = Math.max(Math.min(afterMs, RETRY_AFTER_MAX_MS), leastMs)
    this.#notBefore = this.#options.clock.monotonic() + waitMs
    return waitMs
  }

  #backoff(attempt: number): number {
    return Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt) * (0.5 + this.#options.random() / 2)
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) await pause(ms, this.#options.clock, signal)
  }
}

/** Unlike `sleep` it keeps no process alive that has nothing else to do. */
function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const abort = () => {
      timer.cancel()
      reject(signal.reason)
    }
    const timer = clock.after(ms, () => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
    signal.addEventListener('abort', abort, { once: true })
  })
}

function deliveredBy(verdict: Verdict): Delivered | undefined {
  if (verdict.kind === 'again') return undefined
  const { message } = verdict
  return verdict.kind === 'taken'
    ? { refused: verdict.refused, lost: false, message }
    : { refused: 0, lost: true, message }
}
