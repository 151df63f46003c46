/** What is seen of an instance that has too much to do: metrics, one line when it begins and one when it is over. */
import type { Timer } from '../core/clock.ts'
import type { Priority } from '../core/priority.ts'
import type { Series } from '../telemetry/metrics.ts'
import { limitMetrics } from '../telemetry/standard.ts'
import type { Host } from './exchange.ts'
import type { ShedReason } from './limit/contract.ts'
import type { Limiter } from './limit/limiter.ts'

/** So long without a refusal and it is over, ms. */
const OVER_MS = 10_000

export class Overload {
  readonly #host: Host
  readonly #limiter: Limiter
  readonly #metrics: ReturnType<typeof limitMetrics>
  readonly #limit: Series
  #began = 0
  #last = 0
  #refused = 0
  #timer: Timer | undefined

  constructor(host: Host, limiter: Limiter) {
    this.#host = host
    this.#limiter = limiter
    this.#metrics = limitMetrics(host.metrics)
    this.#limit = this.#metrics.limit.with(host.name, host.instance)
    this.look()
  }

  look(): void {
    this.#limit.value = this.#limiter.limit.value
  }

  shed(priority: Priority, reason: ShedReason): void {
    const { name, instance, clock } = this.#host
    this.#metrics.shed.with(name, instance, priority, reason).value++
    this.#host.refused++
    this.#refused++
    this.#last = clock.monotonic()
    if (this.#timer !== undefined) return
    this.#began = this.#last
    const { limit, inFlight } = this.#limiter
    this.#host.log.warn({ limit: limit.value, inFlight, priority, reason }, 'overloaded: refusing requests')
    this.#watch(OVER_MS)
  }

  #watch(ms: number): void {
    const { clock, log } = this.#host
    this.#timer = clock.after(ms, () => {
      const quiet = clock.monotonic() - this.#last
      if (quiet < OVER_MS) return this.#watch(OVER_MS - quiet)
      this.#timer = undefined
      log.info(
        { refused: this.#refused, forMs: Math.round(this.#last - this.#began), limit: this.#limiter.limit.value },
        'no longer overloaded',
      )
      this.#refused = 0
    })
  }
}
