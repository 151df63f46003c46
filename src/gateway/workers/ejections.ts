/** Which instances are out by what any worker has met: for workers that begin later. Pure: time is handed in. */
import type { Ejection } from '../../balance/outlier.ts'
import type { HealthNews } from './contract.ts'

interface Entry {
  readonly news: HealthNews
  readonly ejection: Ejection
  /** Monotonic ms. */
  readonly until: number
}

export class Ejections {
  readonly #out = new Map<string, Entry>()

  note(news: HealthNews, now: number): void {
    const { service, instance, ejection } = news
    const key = JSON.stringify([service, instance])
    if (ejection === undefined) this.#out.delete(key)
    else this.#out.set(key, { news, ejection, until: now + ejection.forMs })
    // Those whose time is over wait for a probe, of which the worker that sends it tells.
    for (const [other, { until }] of this.#out) if (until <= now) this.#out.delete(other)
  }

  /** Each with the time that is left of it. */
  current(now: number): HealthNews[] {
    return [...this.#out.values()]
      .filter(({ until }) => until > now)
      .map(({ news, ejection, until }) => ({ ...news, ejection: { ...ejection, forMs: until - now } }))
  }
}
