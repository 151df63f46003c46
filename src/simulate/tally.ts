/** What has been measured. */
import type { SimulationResult } from './contract.ts'
import type { Moves } from './moved-keys.ts'

interface Seen {
  readonly weight: number
  readonly from: number
  until: number | undefined
  attempts: number
}

export class Tally {
  readonly #instances = new Map<string, Seen>()
  readonly #latencies: number[] = []
  #failed = 0
  #hedges = 0
  #lastArrival: number | undefined

  joined(id: string, weight: number, now: number): void {
    this.#instances.set(id, { weight, from: now, until: undefined, attempts: 0 })
  }

  left(id: string, now: number): void {
    this.#instances.get(id)!.until = now
  }

  sent(id: string): void {
    this.#instances.get(id)!.attempts++
  }

  hedged(): void {
    this.#hedges++
  }

  ended(ok: boolean, latencyMs: number): void {
    if (ok) this.#latencies.push(latencyMs)
    else this.#failed++
  }

  /** The last request has come. */
  over(now: number): void {
    this.#lastArrival = now
  }

  result(now: number, moves: Moves | undefined): SimulationResult {
    const sorted = Float64Array.from(this.#latencies).sort()
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
    const byInstance = Object.fromEntries([...this.#instances].map(([id, { attempts }]) => [id, attempts]))
    return {
      requests: sorted.length + this.#failed,
      failed: this.#failed,
      attempts: Object.values(byInstance).reduce((sum, count) => sum + count, 0),
      hedges: this.#hedges,
      meanMs: sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length,
      p99Ms: at(0.99),
      p999Ms: at(0.999),
      maxOverMean: this.#maxOverMean(this.#lastArrival ?? now),
      ...(moves !== undefined && { movedKeys: moves.moved, needlesslyMoved: moves.needless }),
      byInstance,
    }
  }

  #maxOverMean(end: number): number {
    const offered = [...this.#instances.values()].map((one) => {
      return { attempts: one.attempts, share: one.weight * Math.max(0, Math.min(one.until ?? end, end) - one.from) }
    })
    const [attempts, shares] = [sum(offered.map((one) => one.attempts)), sum(offered.map(({ share }) => share))]
    return offered
      .filter(({ share }) => share > 0)
      .reduce((most, one) => Math.max(most, (one.attempts * shares) / (one.share * attempts)), 0)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
