/**
 * One caller: the client's own `Upstream` with its policy, loads, ejection and retry budget. Only sending is simulated, and of
 * the retries the rules about what may be repeated: here everything may.
 */

import { backoffMs } from '../balance/backoff.ts'
import type { BalanceConfig } from '../balance/balance-config.ts'
import { penalised } from '../balance/loads.ts'
import { beginLoad, type Candidate, endLoad, Upstream } from '../client/upstream.ts'
import type { Clock } from '../core/clock.ts'
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

export class SimulatedCaller {
  readonly #parts: CallerParts
  readonly #upstream: Upstream
  #calls = 0
  #retries = 0

  constructor(parts: CallerParts) {
    this.#parts = parts
    this.#upstream = new Upstream({ ...parts, onGone: () => {}, onSnapshot: () => {} })
  }

  call(hashKey: string, ended: (ok: boolean) => void): void {
    const release = this.#upstream.budget.request()
    this.#calls++
    const end = (ok: boolean) => {
      this.#calls--
      release()
      ended(ok)
    }
    this.#attempt({ hashKey, tried: new Set(), end, made: 0 }, () => {})
  }

  #attempt(call: Call, over: () => void): void {
    const candidate = this.#pick(call)
    if (candidate === undefined) {
      over()
      call.end(false)
      return
    }
    call.made++
    call.tried.add(candidate.id)
    const { clock, attemptTimeoutMs, send } = this.#parts
    beginLoad(candidate)
    const begun = clock.monotonic()
    let open = true
    const settle = (outcome: Outcome | 'timeout') => {
      if (!open) return
      open = false
      timer.cancel()
      const latencyMs = clock.monotonic() - begun
      endLoad(candidate, outcome === 'ok' ? latencyMs : penalised(latencyMs))
      this.#judge(candidate, outcome)
      over()
      if (outcome === 'ok') call.end(true)
      else this.#retry(call)
    }
    const timer = clock.after(attemptTimeoutMs, () => settle('timeout'))
    send(candidate.id, settle)
  }

  #pick({ hashKey, tried }: Call): Candidate | undefined {
    try {
      const { candidate } = this.#upstream.pick({ balance: this.#parts.balance, hashKey, tried })
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

  /** What the client's breaker does with an attempt's end. */
  #judge(candidate: Candidate, outcome: Outcome | 'timeout'): void {
    const { outlier } = this.#upstream
    const { id } = candidate
    this.#parts.observer?.ended(this.#parts.number, id, candidate.loads['in-flight'].inFlight)
    if (!this.#upstream.has(id)) return
    if (outcome === 'ok') outlier.answered(id)
    else {
      outlier.failed(id, outcome)
      this.#upstream.chooser(this.#parts.balance).policy.failed?.(id)
    }
    const ejected = outlier.state(id).reason !== undefined
    if (ejected && !candidate.ejected) for (const load of Object.values(candidate.loads)) load.forget()
    candidate.ejected = ejected
  }

  #retry(call: Call): void {
    const { attempts, clock, random, observer } = this.#parts
    const release = call.made < attempts ? this.#upstream.budget.retry() : undefined
    if (release === undefined) {
      call.end(false)
      return
    }
    this.#retries++
    observer?.retried(this.#retries, this.#calls)
    const over = () => {
      this.#retries--
      release()
    }
    clock.after(backoffMs(random, call.made), () => this.#attempt(call, over))
  }
}
