/**
 * One caller: the client's own `Upstream` with its policy, loads, ejection and hedges and retry budget. Only sending is simulated,
 * and of the retries the rules about what may be repeated: here everything may.
 */

import { backoffMs } from '../balance/backoff.ts'
import type { BalanceConfig } from '../balance/balance-config.ts'
import { penalised } from '../balance/loads.ts'
import { beginLoad, type Candidate, endLoad } from '../client/candidate.ts'
import { type HedgePolicy, PERCENTILES } from '../client/hedge-policy.ts'
import { judge, type Verdict } from '../client/judge.ts'
import { RecentLatencies } from '../client/recent-latencies.ts'
import { Upstream } from '../client/upstream.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Watch } from '../discovery/contract.ts'
import type { Observer } from './contract.ts'
import type { Outcome } from './instance.ts'

export interface CallerParts {
  /** From 0. */
  readonly number: number
  readonly service: string
  readonly watch: Watch
  readonly clock: Clock
  readonly random: Random
  readonly balance: BalanceConfig
  readonly attempts: number
  readonly attemptTimeoutMs: number
  readonly hedge: HedgePolicy | undefined
  /** A hedge is sent. */
  readonly onHedge: () => void
  readonly observer: Observer | undefined
  /** Sends to an instance. */
  readonly send: (instance: string, done: (outcome: Outcome) => void) => void
}

interface Call {
  readonly hashKey: string
  readonly tried: Set<string>
  readonly end: (ok: boolean) => void
  made: number
}

/** An attempt with its hedges, if any: whichever leg is answered first ends it. */
interface Race {
  readonly call: Call
  /** Gives up the legs that are under way. */
  readonly legs: Set<() => void>
  /** Of a retry: gives its leave of the budget back. */
  readonly release: () => void
  timer: Timer | undefined
}

const NOTHING = () => {}

export class SimulatedCaller {
  readonly #parts: CallerParts
  readonly #upstream: Upstream
  readonly #recent = new RecentLatencies()
  #calls = 0
  #retries = 0

  constructor(parts: CallerParts) {
    this.#parts = parts
    this.#upstream = new Upstream({ ...parts, onGone: NOTHING, onSnapshot: NOTHING })
  }

  call(hashKey: string, ended: (ok: boolean) => void): void {
    const release = this.#upstream.budget.request()
    const begun = this.#parts.clock.monotonic()
    this.#calls++
    const end = (ok: boolean) => {
      this.#calls--
      release()
      if (ok) this.#recent.add(this.#parts.clock.monotonic() - begun)
      ended(ok)
    }
    this.#attempt({ hashKey, tried: new Set(), end, made: 0 }, NOTHING)
  }

  #attempt(call: Call, release: () => void): void {
    const race: Race = { call, legs: new Set(), release, timer: undefined }
    call.made++
    if (this.#send(race, NOTHING)) this.#hedgeLater(race, this.#parts.hedge?.max ?? 1)
    else {
      release()
      call.end(false)
    }
  }

  /** As the client: only beside the first attempt, after a number of ms or what the calls took lately. */
  #hedgeLater(race: Race, left: number): void {
    const { hedge, clock } = this.#parts
    if (hedge === undefined || race.call.made > 1 || left === 0) return
    const { delayMs } = hedge
    const ms = typeof delayMs === 'number' ? delayMs : this.#recent.quantile(PERCENTILES[delayMs])
    if (ms === undefined) return
    race.timer = clock.after(ms, () => {
      const leave = this.#upstream.hasRoom([...race.call.tried]) ? this.#leave() : undefined
      if (leave === undefined) return
      this.#parts.onHedge()
      if (this.#send(race, leave)) this.#hedgeLater(race, left - 1)
      else leave()
    })
  }

  /** One leg. What is given up is worked off nevertheless, as instances do that do not notice. */
  #send(race: Race, release: () => void): boolean {
    const candidate = this.#pick(race.call)
    if (candidate === undefined) return false
    race.call.tried.add(candidate.id)
    const { clock, attemptTimeoutMs, send } = this.#parts
    beginLoad(candidate)
    const begun = clock.monotonic()
    let open = true
    const close = (verdict: Verdict) => {
      open = false
      timer.cancel()
      race.legs.delete(giveUp)
      const latencyMs = clock.monotonic() - begun
      const isFailure = verdict !== 'well' && verdict !== 'outpaced'
      endLoad(candidate, isFailure ? penalised(latencyMs) : latencyMs, verdict === 'outpaced')
      this.#judge(candidate, verdict)
      release()
    }
    const giveUp = () => close('outpaced')
    race.legs.add(giveUp)
    const settle = (outcome: Outcome | 'timeout') => {
      if (!open) return
      close(outcome === 'ok' ? 'well' : outcome)
      this.#settled(race, outcome === 'ok')
    }
    const timer = clock.after(attemptTimeoutMs, () => settle('timeout'))
    send(candidate.id, settle)
    return true
  }

  #settled(race: Race, ok: boolean): void {
    if (!ok && race.legs.size > 0) return
    race.timer?.cancel()
    for (const giveUp of [...race.legs]) giveUp()
    race.release()
    if (ok) race.call.end(true)
    else this.#retry(race.call)
  }

  #pick({ hashKey, tried }: Call): Candidate | undefined {
    try {
      const { candidate } = this.#upstream.pick({ balance: this.#parts.balance, hashKey, tried: [...tried] })
      this.#observe(candidate.id, tried)
      this.#upstream.outlier.started(candidate.id)
      return candidate
    } catch (error) {
      if (error instanceof SkeinError && error.code === 'NO_INSTANCES') return undefined
      throw error
    }
  }

  /** Before the request is counted. */
  #observe(instance: string, tried: ReadonlySet<string>): void {
    const { number: caller, observer } = this.#parts
    if (observer === undefined) return
    // Without a `balance`: whom its scopes leave out is no matter of health.
    const offered = this.#upstream.inspect(undefined).filter((one) => one.instance.weight > 0)
    const candidates = offered.map(({ instance: { id, weight }, eligible, inFlight }) => {
      return { id, weight, healthy: eligible, inFlight }
    })
    observer.picked({ caller, instance, tried, candidates })
  }

  #judge(candidate: Candidate, verdict: Verdict): void {
    const { observer, number, balance } = this.#parts
    observer?.ended(number, candidate.id, candidate.loads['in-flight'].inFlight)
    if (this.#upstream.holds(candidate)) judge(this.#upstream, candidate, verdict, balance)
  }

  /** Of the budget, for one more attempt. */
  #leave(): (() => void) | undefined {
    const release = this.#upstream.budget.retry()
    if (release === undefined) return undefined
    this.#retries++
    this.#parts.observer?.retried(this.#retries, this.#calls)
    return () => {
      this.#retries--
      release()
    }
  }

  #retry(call: Call): void {
    const { attempts, clock, random } = this.#parts
    const leave = call.made < attempts ? this.#leave() : undefined
    if (leave === undefined) call.end(false)
    else clock.after(backoffMs(random, call.made), () => this.#attempt(call, leave))
  }
}
