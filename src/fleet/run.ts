/** One life of one process, from launch to end. An instance has a new run for every start. What is not explained here is in behaviour.ts. */
import type { Clock, Timer } from '../core/clock.ts'
import type { Behaviour, Run } from './behaviour.ts'
import type { LogLine, ServiceSpec } from './contract.ts'
import { describeEnd } from './describe-end.ts'
import type { Host, LaunchPlan, ProcessEnd, RunningProcess } from './host.ts'
import { hostOf } from './plan.ts'

export interface RunOptions {
  readonly id: string
  readonly spec: ServiceSpec
  readonly plan: LaunchPlan
  /** The port given to it in $PORT; undefined where it takes one by itself. */
  readonly port: number | undefined
  readonly host: Host
  readonly clock: Clock
  readonly behaviours: readonly Behaviour[]
  readonly previousFailure: string | undefined
  onReady(): void
  onEnd(): void
}

export class ProcessRun implements Run {
  readonly id: string
  readonly spec: ServiceSpec
  readonly previousFailure: string | undefined
  readonly startedAt: number
  readonly lastErrors: string[] = []
  readonly host: string
  port: number | undefined
  readyAt: number | undefined
  stopping = false
  ended = false
  failure: string | undefined
  readonly #options: RunOptions
  readonly #timers = new Set<Timer>()
  readonly #process: RunningProcess
  #reason: string | undefined
  #grace: { readonly timer: Timer; readonly due: number } | undefined

  constructor(options: RunOptions) {
    this.#options = options
    this.id = options.id
    this.spec = options.spec
    this.previousFailure = options.previousFailure
    this.host = hostOf(options.spec, options.plan.env)
    this.port = options.port
    this.startedAt = options.clock.now()
    this.#process = options.host.launch(options.plan, {
      message: (message) => this.#tell((behaviour) => behaviour.message?.(this, message)),
      output: (stream: LogLine['stream'], chunk: Uint8Array) =>
        this.#tell((behaviour) => behaviour.output?.(this, stream, chunk)),
      end: (end) => this.#finish(end),
    })
    this.#tell((behaviour) => behaviour.launched?.(this))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  after(ms: number, run: () => void): Timer {
    if (this.ended) return { cancel: () => {} }
    const timer = this.#options.clock.after(ms, () => this.#timers.delete(timer) && run(), true)
    this.#timers.add(timer)
    return timer
  }

  becomeReady(port: number | undefined): void {
    if (this.ended || this.stopping || this.readyAt !== undefined) return
    this.port = port
    this.readyAt = this.#options.clock.monotonic()
    this.#tell((behaviour) => behaviour.ready?.(this))
    this.#options.onReady()
  }

  fail(reason: string): void {
    if (this.ended || this.stopping) return
    this.#reason ??= reason
    this.#process.kill()
  }

  /** Asks it to drain and leave; kills it after `graceMs`. A later call can only shorten the time. */
  stop(graceMs: number): void {
    if (this.ended) return
    if (!this.stopping) this.#process.terminate()
    this.stopping = true
    const due = this.#options.clock.monotonic() + graceMs
    if (this.#grace !== undefined && this.#grace.due <= due) return
    this.#grace?.timer.cancel()
    this.#grace = { due, timer: this.after(graceMs, () => this.#process.kill()) }
  }

  #finish(end: ProcessEnd): void {
    for (const timer of this.#timers) timer.cancel()
    this.ended = true
    this.#tell((behaviour) => behaviour.outputEnded?.(this))
    this.failure = describeEnd(end, this.#reason, this.lastErrors)
    this.#tell((behaviour) => behaviour.ended?.(this))
    this.#options.onEnd()
  }

  #tell(call: (behaviour: Behaviour) => void): void {
    for (const behaviour of this.#options.behaviours) call(behaviour)
  }
}
