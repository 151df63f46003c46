/** An instance as its callers meet it: workers with one queue, and the ways in which it can break. */
import type { FailureKind } from '../balance/outlier.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { InstanceSpec } from './contract.ts'
import { drawLatency } from './latency.ts'

export type Outcome = 'ok' | Exclude<FailureKind, 'timeout'>
type Done = (outcome: Outcome) => void
export type Condition = 'well' | 'dead' | 'hung' | 'failing'

/** What a refusal or an error that costs no work takes, ms. */
const AT_ONCE_MS = 1

export class SimulatedInstance {
  readonly spec: InstanceSpec
  readonly #clock: Clock
  readonly #random: Random
  /** When each worker is free. */
  readonly #freeAt: number[]
  readonly #underWay = new Set<Done>()
  readonly #stuck = new Set<Done>()
  #condition: Condition = 'well'
  #factor = 1
  #flakyPart = 0

  constructor(spec: InstanceSpec, clock: Clock, random: Random) {
    this.spec = spec
    this.#clock = clock
    this.#random = random
    this.#freeAt = Array<number>(spec.concurrency ?? 1).fill(0)
  }

  serve(done: Done): void {
    if (this.#condition === 'dead') return void this.#clock.after(AT_ONCE_MS, () => done('refused'))
    if (this.#condition === 'failing') return void this.#clock.after(AT_ONCE_MS, () => done('status'))
    this.#underWay.add(done)
    this.#clock.after(this.#workUntil() - this.#clock.monotonic(), () => this.#finish(done))
  }

  slow(factor: number): void {
    this.#factor = factor
  }

  flaky(part: number): void {
    this.#flakyPart = part
  }

  become(condition: Condition): void {
    this.#condition = condition
    if (condition === 'dead') this.#breakOff()
    if (condition !== 'well') return
    this.#factor = 1
    this.#flakyPart = 0
    const late = [...this.#stuck]
    this.#stuck.clear()
    for (const done of late) this.#finish(done)
  }

  /** Takes the worker that is free first. */
  #workUntil(): number {
    const first = this.#freeAt.indexOf(Math.min(...this.#freeAt))
    const begins = Math.max(this.#clock.monotonic(), this.#freeAt[first]!)
    this.#freeAt[first] = begins + drawLatency(this.spec.latency, this.#random) * this.#factor
    return this.#freeAt[first]
  }

  #finish(done: Done): void {
    if (!this.#underWay.has(done)) return // broken off before
    if (this.#condition === 'hung') return void this.#stuck.add(done)
    this.#underWay.delete(done)
    done(this.#flakyPart > 0 && this.#random() < this.#flakyPart ? 'status' : 'ok')
  }

  #breakOff(): void {
    const broken = [...this.#underWay]
    this.#underWay.clear()
    this.#stuck.clear()
    this.#freeAt.fill(0)
    for (const done of broken) done('connection')
  }
}
