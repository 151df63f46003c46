/**
 * Runs a gateway as several processes on one port. Processes and not threads: one that dies, by a bug or for want of memory,
 * takes only its own requests with it. Price: what they share they have to tell each other (contract.ts), and 150 MB each.
 */
import type { ChildProcess } from 'node:child_process'
import { type Clock, systemClock, type Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { fullJitter, type Random, systemRandom } from '../../core/random.ts'
import { RotatingTicketKeys } from '../ticket-keys.ts'
import type { FromWorker, ListenFailure } from './contract.ts'
import { Ejections } from './ejections.ts'
import { countersOf, mergeMetrics, withoutInstances } from './merge-metrics.ts'
import { TokenDesk } from './token-desk.ts'
import { type NumberedConfig, type WorkerEvents, WorkerProcess } from './worker-process.ts'

/** Between the deaths of one worker that come soon after its start, ms; after the first there is no pause. */
const BACKOFF_BASE_MS = 100
const BACKOFF_CAP_MS = 5_000
/** One that has lived so long has not died of its start, ms. */
const SETTLED_MS = 10_000
/** Of what workers that have gone had counted, characters; beyond it what was counted for each instance is left out. */
const RETIRED_MAX = 1_000_000
/** Workers give their requests 12 s at most; one that has not ended then is stuck, ms. */
const PATIENCE_MS = 20_000

export interface SupervisorOptions {
  /** How many workers. */
  readonly count: number
  /** Starts a process that has a `WorkerLink` at the other end of its channel. */
  fork(number: number): ChildProcess
  /** For each worker, as its first message. */
  readonly settings: unknown
  /** Stands above what the config says. */
  readonly port: number | undefined
  /** Kill those that do not answer. Default true; not for processes that a debugger stops. */
  readonly watches?: boolean | undefined
  readonly log: Logger
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** The first worker cannot begin; where it cannot listen, with the system's `code` and `port`. */
export class WorkerFailed extends Error implements ListenFailure {
  override readonly name = 'WorkerFailed'
  readonly code: string | undefined
  readonly port: number | undefined
  readonly syscall: string | undefined

  constructor({ message, code, port, syscall }: ListenFailure) {
    super(message)
    this.code = code
    this.port = port
    this.syscall = syscall
  }
}

/** A worker that has died is followed by another in its place. */
interface Place {
  readonly number: number
  worker: WorkerProcess | undefined
  quickDeaths: number
  pause: Timer | undefined
}

export class Supervisor {
  restarts = 0
  closing = false
  readonly #options: SupervisorOptions
  readonly #clock: Clock
  readonly #places: readonly Place[]
  readonly #desk = new TokenDesk()
  readonly #ejections = new Ejections()
  readonly #ticketKeys: RotatingTicketKeys
  readonly #events: WorkerEvents
  /** What those that have gone had counted. */
  #retired = ''
  #port: number | undefined
  /** The last that a worker has taken: what one begins with that comes later. */
  #good: NumberedConfig = { config: 0, value: undefined }
  #lastConfig = 0
  #started = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#port = options.port
    this.#ticketKeys = new RotatingTicketKeys(this.#clock)
    this.#ticketKeys.onChange = () => {
      for (const worker of this.workers) worker.send({ type: 'ticket-keys', ticketKeys: this.#ticketText })
    }
    this.#places = Array.from({ length: options.count }, (_, i) => {
      return { number: i + 1, worker: undefined, quickDeaths: 0, pause: undefined }
    })
    this.#events = {
      onMessage: (worker, message) => this.#receive(worker, message),
      onHung: ({ number, pid }) => options.log.error({ worker: number, pid }, 'a worker does not answer; it is killed'),
      onExit: (worker, how) => this.#died(worker, how),
    }
  }

  get count(): number {
    return this.#places.length
  }

  get workers(): WorkerProcess[] {
    return this.#places.flatMap(({ worker }) => worker ?? [])
  }

  get ready(): WorkerProcess[] {
    return this.workers.filter(({ state }) => state === 'ready')
  }

  get #ticketText(): string {
    return this.#ticketKeys.current.toString('base64')
  }

  /**
   * Resolves with the port once all listen. The first begins alone: it may choose the port, and what keeps it from beginning
   * would keep them all. @throws WorkerFailed
   */
  async start(value: unknown): Promise<number> {
    this.#good = { config: ++this.#lastConfig, value }
    const [first, ...others] = this.#places as [Place, ...Place[]]
    const begun = await this.#launch(first)
    if (begun?.type !== 'ready') {
      throw new WorkerFailed(begun?.type === 'failed' ? begun.failure : { message: 'the first worker died' })
    }
    this.#started = true
    this.#port = begun.port
    await Promise.all(others.map((place) => this.#launch(place)))
    return begun.port
  }

  /** Resolves when every worker has taken the config or refused it. */
  async configure(value: unknown): Promise<void> {
    const next = { config: ++this.#lastConfig, value }
    const living = this.workers.filter(({ state }) => state !== 'gone')
    const answers = await Promise.all(living.map((worker) => worker.configure(next, this.#port)))
    const problem = answers.find((answer) => answer?.problem !== undefined)?.problem
    if (problem !== undefined) this.#options.log.error(problem)
    if (!answers.some((answer) => answer !== undefined && answer.problem === undefined)) return
    this.#good = next
    // Those that began meanwhile began with the one before.
    for (const worker of this.workers) if (worker.config < next.config) void worker.configure(next, this.#port)
  }

  /** Of all workers, those that have gone included, so that no counter goes back. */
  async metrics(): Promise<string> {
    await Promise.all(
      this.ready.map(async (worker) => {
        const page = await worker.page('/metrics')
        if (page !== undefined) worker.metrics = page.text
      }),
    )
    return mergeMetrics([...this.workers.map(({ metrics }) => metrics), this.#retired])
  }

  /** Resolves when all workers have drained and ended. Idempotent. */
  async close(): Promise<void> {
    this.closing = true
    this.#ticketKeys.close()
    for (const { pause } of this.#places) pause?.cancel()
    const living = this.workers.filter(({ state }) => state !== 'gone')
    await Promise.all(living.map((worker) => this.#end(worker)))
  }

  async #end(worker: WorkerProcess): Promise<void> {
    const late = this.#clock.after(PATIENCE_MS, () => worker.kill(), true)
    worker.send({ type: 'drain' })
    await worker.exited
    late.cancel()
  }

  async #launch(place: Place): Promise<FromWorker | undefined> {
    const { fork, settings, watches = true } = this.#options
    const worker = new WorkerProcess(fork(place.number), place.number, this.#clock, this.#events)
    if (watches) worker.watch()
    place.worker = worker
    const begun = await worker.start({ settings, ticketKeys: this.#ticketText }, this.#good, this.#port)
    if (begun?.type === 'failed' && this.#started) {
      this.#options.log.error({ worker: place.number, reason: begun.failure.message }, 'a worker cannot begin')
    }
    if (begun?.type !== 'ready') return begun
    worker.state = 'ready'
    for (const news of this.#ejections.current(this.#clock.monotonic())) worker.send({ type: 'health', news })
    if (worker.config < this.#good.config) void worker.configure(this.#good, this.#port)
    return begun
  }

  #receive(worker: WorkerProcess, message: FromWorker): void {
    const now = this.#clock.monotonic()
    if (message.type === 'ask-tokens') {
      worker.send({ type: 'tokens', id: message.id, groups: this.#desk.take(worker.limits, message.groups, now) })
    } else if (message.type === 'limit') {
      worker.limits[message.number] = message.spec
    } else if (message.type === 'last') {
      worker.metrics = message.metrics
    } else if (message.type === 'health') {
      this.#ejections.note(message.news, now)
      for (const other of this.ready) if (other !== worker) other.send(message)
    }
  }

  #died(worker: WorkerProcess, how: string): void {
    const retired = mergeMetrics([this.#retired, countersOf(worker.metrics)])
    this.#retired = retired.length > RETIRED_MAX ? withoutInstances(retired) : retired
    const place = this.#places[worker.number - 1]!
    place.worker = undefined
    if (this.closing || !this.#started) return
    const { log, random = systemRandom } = this.#options
    const isSettled = this.#clock.monotonic() - worker.startedAt >= SETTLED_MS
    place.quickDeaths = isSettled ? 0 : place.quickDeaths + 1
    const { quickDeaths } = place
    const ms = quickDeaths < 2 ? 0 : fullJitter(random, quickDeaths - 2, BACKOFF_BASE_MS, BACKOFF_CAP_MS)
    log.warn(
      { worker: worker.number, pid: worker.pid, how, inMs: Math.round(ms) },
      'a worker has ended; another is started',
    )
    place.pause = this.#clock.after(ms, () => this.#replace(place), true)
  }

  #replace(place: Place): void {
    this.restarts++
    void this.#launch(place)
  }
}
