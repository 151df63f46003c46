/** One worker as its supervisor sees it. */
import type { ChildProcess } from 'node:child_process'
import type { Clock, Timer } from '../../core/clock.ts'
import type { FromWorker, LimitSpec, PageText, ToWorker, WorkerCounts } from './contract.ts'

/** A page that takes longer is left out, ms. */
const ANSWER_MS = 2_000
const PING_MS = 2_000
/** Counted in pings and not in time: a machine that slept has missed none. */
const PINGS_UNANSWERED_MAX = 5

export interface WorkerEvents {
  /** What is no answer. */
  onMessage(worker: WorkerProcess, message: FromWorker): void
  onHung(worker: WorkerProcess): void
  onExit(worker: WorkerProcess, how: string): void
}

export interface NumberedConfig {
  readonly config: number
  readonly value: unknown
}

export class WorkerProcess {
  readonly number: number
  /** Monotonic ms. */
  readonly startedAt: number
  state: 'starting' | 'ready' | 'gone' = 'starting'
  /** As it last told them. */
  metrics = ''
  /** The number of the config that it was sent last. */
  config = 0
  /** By the numbers that it has given them. */
  readonly limits: LimitSpec[] = []
  /** Resolves when it has gone. */
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #clock: Clock
  readonly #events: WorkerEvents
  /** By what they answer; undefined = it does not. */
  readonly #awaited = new Map<string, (answer: FromWorker | undefined) => void>()
  #nextId = 0
  #unanswered = 0
  #ping: Timer | undefined
  #isGone = () => {}

  constructor(child: ChildProcess, number: number, clock: Clock, events: WorkerEvents) {
    this.number = number
    this.startedAt = clock.monotonic()
    this.#child = child
    this.#clock = clock
    this.#events = events
    this.exited = new Promise((resolve) => {
      this.#isGone = resolve
    })
    child.on('message', (message: FromWorker) => this.#receive(message))
    child.once('exit', (code, signal) => this.#gone(signal ?? `status ${code}`))
    // It could not be started; of one that runs only the exit counts.
    child.on('error', (error) => child.pid === undefined && this.#gone(error.message))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** From now on it is killed when it does not answer: one whose event loop stands still keeps its share of the connections. */
  watch(): void {
    this.#ping = this.#clock.after(PING_MS, () => {
      if (this.#unanswered++ < PINGS_UNANSWERED_MAX) {
        this.send({ type: 'ping' })
        this.watch()
      } else {
        this.#events.onHung(this)
        this.kill()
      }
    })
  }

  /** What is sent to one that is going is lost, and nothing with it: its exit is told. */
  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** Resolves with `ready` or `failed`; undefined = it has gone. */
  start(
    first: Pick<Extract<ToWorker, { type: 'start' }>, 'settings' | 'ticketKeys'>,
    config: NumberedConfig,
    port: number | undefined,
  ): Promise<FromWorker | undefined> {
    const begun = this.#await('listening')
    this.send({ type: 'start', ...first })
    void this.configure(config, port)
    return begun
  }

  /** Resolves with what has become of it; undefined = it has gone. */
  async configure(
    { config, value }: NumberedConfig,
    port: number | undefined,
  ): Promise<{ problem?: string } | undefined> {
    this.config = config
    const answer = this.#await(`config ${config}`)
    this.send({ type: 'config', config, value, port })
    return (await answer) as { problem?: string } | undefined
  }

  /** Undefined when it does not answer in time. */
  async page(target: string): Promise<PageText | undefined> {
    const answer = await this.#ask((id) => ({ type: 'ask-page', id, target }))
    return answer?.type === 'page' ? answer.page : undefined
  }

  async counts(): Promise<WorkerCounts | undefined> {
    const answer = await this.#ask((id) => ({ type: 'ask-counts', id }))
    return answer?.type === 'counts' ? answer.counts : undefined
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #ask(message: (id: number) => ToWorker): Promise<FromWorker | undefined> {
    if (this.state !== 'ready') return Promise.resolve(undefined)
    const id = ++this.#nextId
    const timer = this.#clock.after(ANSWER_MS, () => this.#answer(`answer ${id}`, undefined))
    const answer = this.#await(`answer ${id}`).finally(() => timer.cancel())
    this.send(message(id))
    return answer
  }

  #await(what: string): Promise<FromWorker | undefined> {
    return this.state === 'gone'
      ? Promise.resolve(undefined)
      : new Promise((resolve) => void this.#awaited.set(what, resolve))
  }

  #answer(what: string, answer: FromWorker | undefined): void {
    this.#awaited.get(what)?.(answer)
    this.#awaited.delete(what)
  }

  #receive(message: FromWorker): void {
    this.#unanswered = 0
    const what = answeredBy(message)
    if (what !== undefined) this.#answer(what, message)
    else this.#events.onMessage(this, message)
  }

  #gone(how: string): void {
    if (this.state === 'gone') return
    this.state = 'gone'
    this.#ping?.cancel()
    for (const what of [...this.#awaited.keys()]) this.#answer(what, undefined)
    this.#events.onExit(this, how)
    this.#isGone()
  }
}

/** What a message answers; undefined = nothing. */
function answeredBy(message: FromWorker): string | undefined {
  switch (message.type) {
    case 'ready':
    case 'failed':
      return 'listening'
    case 'taken':
      return `config ${message.config}`
    case 'page':
    case 'counts':
      return `answer ${message.id}`
    case 'pong':
      return 'ping'
    default:
      return undefined
  }
}
