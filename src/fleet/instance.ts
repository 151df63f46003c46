/**
 * One place in a service: the state machine that keeps a process there, or none, as wanted.
 *
 *   stopped ──▶ starting ──▶ ready
 *      ▲         │  ▲  │      │
 *      │         │  │  ▼      ▼         a run that ends unasked
 *      │         │ backoff ◀──┘
 *      │         ▼
 *      └────── stopping                 a run that was asked to leave; wanted again meanwhile ──▶ starting
 *
 * It is level-triggered: callers set what is wanted at any moment, and every end of a run looks at the wish anew. So stop
 * during a back-off, restart during a stop and the like need no cases of their own. There is never more than one process
 * in a place.
 */
import type { Clock, Timer } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { afterFailure } from './backoff.ts'
import type { InstanceInfo, InstanceState, ServiceSpec } from './contract.ts'
import { lostPort } from './describe-end.ts'
import { instanceId, weightOf } from './plan.ts'
import type { ProcessRun } from './run.ts'

/** A start that lost its port to someone else is repeated at once, with another port, this many times. */
const LOST_PORTS_MAX = 5

export interface RunEvents {
  onReady(): void
  onEnd(): void
}

/** What an instance needs from its fleet. */
export interface InstanceDeps {
  readonly clock: Clock
  /** Calls `begin` when a start may begin; the result gives the permit back. */
  permit(begin: () => void): () => void
  /** The port to be given; undefined where the program takes one by itself. */
  port(spec: ServiceSpec): Promise<number | undefined>
  giveBack(port: number): void
  run(instance: Instance, port: number | undefined, events: RunEvents): ProcessRun
  changed(instance: Instance): void
  /** A process has ended; `info` has its pid and port. */
  exited(instance: Instance, info: InstanceInfo): void
}

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

export class Instance {
  readonly id: string
  readonly spec: ServiceSpec
  readonly ordinal: number
  readonly #deps: InstanceDeps
  #state: InstanceState = 'stopped'
  #wanted = false
  #run: ProcessRun | undefined
  #launches = 0
  #lastError: string | undefined
  #failedBefore: string | undefined
  #step = 0
  #lostPorts = 0
  #waitMs = 0
  #wait: Timer | undefined
  /** Changes with every start and cancels what an earlier one still awaits. */
  #turn = 0
  #givePermitBack = () => {}
  #waiters: Waiter[] = []

  constructor(spec: ServiceSpec, ordinal: number, deps: InstanceDeps) {
    this.id = instanceId(spec, ordinal)
    this.spec = spec
    this.ordinal = ordinal
    this.#deps = deps
  }

  get state(): InstanceState {
    return this.#state
  }

  get wanted(): boolean {
    return this.#wanted
  }

  get failedBefore(): string | undefined {
    return this.#failedBefore
  }

  /** How long the present back-off lasts, ms. */
  get waitMs(): number {
    return this.#waitMs
  }

  get info(): InstanceInfo {
    return this.#describe(this.#run)
  }

  /** A process is wanted here. */
  up(): void {
    this.#wanted = true
    if (this.#state === 'stopped') this.#beginAfresh()
  }

  /** None is wanted. A later call with a shorter grace shortens it. */
  down(graceMs: number): void {
    this.#wanted = false
    this.#leave(graceMs)
  }

  /** Another process is wanted. Earlier failures are forgotten: someone has presumably mended something. */
  restart(graceMs: number): void {
    this.#wanted = true
    if (this.#state === 'stopped' || this.#state === 'backoff') this.#beginAfresh()
    else this.#leave(graceMs)
  }

  /**
   * Resolves when what is wanted is the case.
   * @throws SkeinError START_FAILED when the process fails and a wait is due before the next try.
   */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#answerWaiters()
    })
  }

  #beginAfresh(): void {
    this.#step = 0
    this.#lostPorts = 0
    this.#failedBefore = undefined
    this.#begin()
  }

  #begin(): void {
    this.#wait?.cancel()
    const turn = ++this.#turn
    this.#to('starting')
    if (turn !== this.#turn) return // whoever heard of it has changed the wish
    this.#givePermitBack = this.#deps.permit(() => {
      this.#deps.port(this.spec).then(
        (port) => this.#launch(turn, port),
        (error: Error) => turn === this.#turn && this.#retry(`cannot be started: ${error.message}`, undefined),
      )
    })
  }

  #launch(turn: number, port: number | undefined): void {
    if (turn !== this.#turn) {
      if (port !== undefined) this.#deps.giveBack(port)
      return
    }
    const onEnd = () => {
      if (port !== undefined) this.#deps.giveBack(port)
      this.#ended()
    }
    this.#launches++
    this.#run = this.#deps.run(this, port, { onReady: () => this.#ready(), onEnd })
    this.#deps.changed(this)
  }

  #ready(): void {
    this.#givePermitBack()
    this.#failedBefore = undefined
    this.#lostPorts = 0
    this.#to('ready')
  }

  /** Takes the present start, wait or process back, whatever there is. */
  #leave(graceMs: number): void {
    if (this.#run !== undefined) {
      this.#run.stop(graceMs)
      if (this.#state !== 'stopping') this.#to('stopping')
    } else if (!this.#wanted && this.#state !== 'stopped') {
      this.#turn++
      this.#wait?.cancel()
      this.#givePermitBack()
      this.#to('stopped')
    }
  }

  #ended(): void {
    const run = this.#run!
    this.#run = undefined
    this.#givePermitBack()
    if (!run.stopping) this.#retry(run.failure ?? 'ended', run)
    else if (this.#wanted) this.#beginAfresh()
    else this.#to('stopped')
    this.#deps.exited(this, this.#describe(run))
  }

  #retry(failure: string, run: ProcessRun | undefined): void {
    this.#givePermitBack()
    this.#lastError = failure
    this.#failedBefore = failure
    this.#waitMs = this.#nextWait(run)
    this.#wait = this.#deps.clock.after(this.#waitMs, () => this.#begin(), true)
    this.#to('backoff')
  }

  #nextWait(run: ProcessRun | undefined): number {
    const another = this.spec.port === undefined && run?.readyAt === undefined && lostPort(run?.lastErrors ?? [])
    if (another && this.#lostPorts++ < LOST_PORTS_MAX) return 0
    const healthyMs = run?.readyAt === undefined ? undefined : this.#deps.clock.monotonic() - run.readyAt
    const { step, waitMs } = afterFailure(this.#step, healthyMs)
    this.#step = step
    return waitMs
  }

  #to(state: InstanceState): void {
    this.#state = state
    this.#deps.changed(this)
    this.#answerWaiters()
  }

  #answerWaiters(): void {
    if (this.#wanted ? this.#state === 'ready' : this.#state === 'stopped') {
      for (const waiter of this.#waiters.splice(0)) waiter.resolve()
    } else if (this.#state === 'backoff' && this.#waitMs > 0) {
      const error = new SkeinError('START_FAILED', `${this.id} does not start: ${this.#lastError}`, {
        instance: this.id,
      })
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    }
  }

  #describe(run: ProcessRun | undefined): InstanceInfo {
    return {
      id: this.id,
      service: this.spec.name,
      ordinal: this.ordinal,
      state: this.#state,
      pid: run?.pid,
      port: run?.port,
      weight: weightOf(this.spec, this.ordinal),
      restarts: Math.max(0, this.#launches - 1),
      startedAt: run?.startedAt,
      lastError: this.#lastError,
    }
  }
}
