/** For tests: an instance with a limiter on a virtual clock, and callers who do not wait for each other. */
import { VirtualClock } from '../../core/clock.ts'
import type { Priority } from '../../core/priority.ts'
import type { Random } from '../../core/random.ts'
import type { Limit } from './contract.ts'
import { Limiter } from './limiter.ts'

export interface Phase {
  readonly forMs: number
  readonly perSecond: number
  /** Share of it that is batch work; default 0. */
  readonly batch?: number
  /** Of one request that has the machine for itself; default as before. */
  readonly serviceMs?: (random: Random) => number
  /** Time that each request brings along, ms; default none. */
  readonly deadlineMs?: number
}

export interface Scenario {
  readonly limit: Limit
  readonly random: Random
  /** So many are worked on at once, the others wait inside, unseen. */
  readonly width: number
  readonly phases: readonly Phase[]
}

export interface Outcome {
  readonly phase: number
  readonly priority: Priority
  readonly at: number
  readonly ms: number
  /** `ok`, or why not. */
  readonly end: string
}

export interface Result {
  readonly outcomes: readonly Outcome[]
  /** Of the limit at the end of each phase. */
  readonly limits: readonly number[]
  readonly inFlight: number
  readonly arrived: number
  /** Times that more were begun than the limit said. */
  readonly excess: number
  readonly longestWaitMs: number
}

export function simulate({ limit, random, width, phases }: Scenario): Result {
  const clock = new VirtualClock()
  const limiter = new Limiter({ limit, clock, afterTurn: (run) => void clock.after(0, run) })
  const machine = new Machine(clock, width)
  const outcomes: Outcome[] = []
  const limits: number[] = []
  let serviceMs = (_random: Random) => 10
  let arrived = 0
  let excess = 0
  let longestWaitMs = 0

  const arrive = (phase: number, { batch = 0, deadlineMs }: Phase) => {
    arrived++
    const at = clock.monotonic()
    const priority: Priority = random() < batch ? 'batch' : 'interactive'
    const deadline = deadlineMs === undefined ? undefined : at + deadlineMs
    const end = (how: string) => outcomes.push({ phase, priority, at, ms: clock.monotonic() - at, end: how })
    const work = () => {
      const startedAt = clock.monotonic()
      if (limiter.inFlight > limit.value) excess++
      longestWaitMs = Math.max(longestWaitMs, startedAt - at)
      machine.work(serviceMs(random), () => {
        limiter.leave({ operation: 'get', startedAt, endedAt: clock.monotonic(), inFlight: 0, tells: true })
        end(deadline !== undefined && clock.monotonic() > deadline ? 'late' : 'ok')
      })
    }
    const verdict = limiter.ask(priority, deadline, at)
    if (verdict === 'go') work()
    else if (verdict === 'wait') limiter.wait({ priority, since: at, deadline, go: work, shed: end })
    else end(verdict)
  }

  for (const [index, phase] of phases.entries()) {
    serviceMs = phase.serviceMs ?? serviceMs
    const until = clock.monotonic() + phase.forMs
    while (clock.monotonic() < until) {
      arrive(index, phase)
      // A Poisson process: gaps are exponential.
      clock.advance((-Math.log(1 - random()) * 1000) / phase.perSecond)
    }
    limits.push(limit.value)
  }
  clock.advance(60_000)
  return { outcomes, limits, inFlight: limiter.inFlight, arrived, excess, longestWaitMs }
}

class Machine {
  readonly #clock: VirtualClock
  #free: number
  readonly #line: (() => void)[] = []

  constructor(clock: VirtualClock, width: number) {
    this.#clock = clock
    this.#free = width
  }

  work(ms: number, done: () => void): void {
    const run = () =>
      this.#clock.after(ms, () => {
        const next = this.#line.shift()
        if (next === undefined) this.#free++
        else next()
        done()
      })
    if (this.#free === 0) this.#line.push(run)
    else {
      this.#free--
      run()
    }
  }
}

export const exponential = (mean: number) => (random: Random) => -Math.log(1 - random()) * mean
export const always = (ms: number) => () => ms

/** The figures of one phase. */
export function figures(
  { outcomes }: Result,
  phase: number,
  { afterMs = 0, priority }: { afterMs?: number; priority?: Priority } = {},
) {
  const all = outcomes.filter((one) => one.phase === phase && (priority === undefined || one.priority === priority))
  const begin = Math.min(...all.map(({ at }) => at)) + afterMs
  const seen = all.filter(({ at }) => at >= begin)
  const span = Math.max(...seen.map(({ at }) => at)) - begin
  const served = seen.filter(({ end }) => end === 'ok')
  const refused = seen.filter(({ end }) => end !== 'ok' && end !== 'late')
  return {
    count: seen.length,
    perSecond: (served.length * 1000) / span,
    refused: refused.length,
    late: seen.filter(({ end }) => end === 'late').length,
    p50: quantile(served, 0.5),
    p99: quantile(served, 0.99),
    refusedP99: quantile(refused, 0.99),
  }
}

function quantile(outcomes: readonly Outcome[], q: number): number {
  const sorted = outcomes.map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}
