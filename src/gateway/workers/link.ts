/** A worker's end of the channel to its supervisor. */
import type { SharedHealth } from '../../client/caller.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { asSkeinError } from '../../core/errors.ts'
import { askPage, type Pages, toJson } from '../admin.ts'
import type { Allowance } from '../allowance.ts'
import type { FromWorker, PageText, ToWorker, WorkerCounts } from './contract.ts'
import { SharedAllowance } from './shared-allowance.ts'

type Channel = Pick<NodeJS.Process, 'connected' | 'send' | 'on'>

export interface WorkerConfig {
  /** Its number, for `taken`. */
  readonly config: number
  readonly value: unknown
  /** Stands above what the config says. */
  readonly port: number | undefined
}

/** What a running worker can tell. */
export interface WorkerView {
  readonly pages: Pages
  counts(): WorkerCounts
}

type Handlers = { readonly [T in ToWorker['type']]: (message: Extract<ToWorker, { type: T }>) => void }

export class WorkerLink {
  readonly settings: Promise<unknown>
  readonly allowance: Allowance
  readonly health: SharedHealth
  /** The supervisor's; there once the settings are. */
  readonly ticketKeys = { current: Buffer.alloc(0), onChange: () => {}, close: () => {} }
  /** Called when this worker is to end, and again, with true, when it is not to wait any more for what is under way. */
  onEnd: (atOnce: boolean) => void = () => {}
  view: WorkerView | undefined
  readonly #channel: Channel
  readonly #shared: SharedAllowance
  readonly #handlers: Handlers = {
    start: ({ settings, ticketKeys }) => {
      this.ticketKeys.current = Buffer.from(ticketKeys, 'base64')
      this.#begin(settings)
    },
    'ticket-keys': ({ ticketKeys }) => {
      this.ticketKeys.current = Buffer.from(ticketKeys, 'base64')
      this.ticketKeys.onChange()
    },
    config: (message) => {
      this.#configs.push(message)
      this.#wake()
    },
    tokens: ({ id, groups }) => this.#shared.answered(id, groups),
    health: ({ news: { service, instance, ejection } }) => this.#onTold(service, instance, ejection),
    'ask-page': ({ id, target }) => void this.#page(target).then((page) => this.send({ type: 'page', id, page })),
    'ask-counts': ({ id }) => void this.send({ type: 'counts', id, counts: this.view!.counts() }),
    ping: () => void this.send({ type: 'pong' }),
    drain: () => this.end(),
  }
  readonly #configs: WorkerConfig[] = []
  #begin: (settings: unknown) => void = () => {}
  #onTold: Parameters<SharedHealth['onTold']>[0] = () => {}
  #wake = () => {}
  #ending = false

  constructor(channel: Channel, clock: Clock = systemClock) {
    this.#channel = channel
    this.settings = new Promise((resolve) => {
      this.#begin = resolve
    })
    this.#shared = new SharedAllowance(clock, (message) => void this.send(message))
    this.allowance = this.#shared
    this.health = {
      tell: (service, instance, ejection) => void this.send({ type: 'health', news: { service, instance, ejection } }),
      onTold: (listen) => {
        this.#onTold = listen
      },
    }
    channel.on('message', (message: ToWorker) => (this.#handlers[message.type] as (message: ToWorker) => void)(message))
    channel.on('disconnect', () => {
      this.#shared.goOnAlone()
      // The supervisor waits for those it has asked to end, unless it was itself told not to.
      if (this.#ending) this.onEnd(true)
      else this.end()
    })
  }

  /**
   * Resolves when it is on its way. What cannot be sent any more is no loss: the supervisor has gone, of which `disconnect`
   * tells.
   */
  send(message: FromWorker): Promise<void> {
    return new Promise((resolve) => {
      if (this.#channel.connected) this.#channel.send?.(message, undefined, undefined, () => resolve())
      else resolve()
    })
  }

  /** The last word of one that ends in good order. */
  async last(): Promise<void> {
    if (this.view === undefined) return
    const { text } = await this.#page('/metrics')
    await this.send({ type: 'last', metrics: text })
  }

  /** Each config as the supervisor gives it, until the signal. */
  async *configs(signal: AbortSignal): AsyncGenerator<WorkerConfig, void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      const next = this.#configs.shift()
      if (next !== undefined) yield next
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Idempotent: a signal to all processes of a group comes here twice. */
  end(): void {
    if (this.#ending) return
    this.#ending = true
    this.onEnd(false)
  }

  async #page(target: string): Promise<PageText> {
    try {
      const { status, body } = await askPage(this.view!.pages, target)
      return { status, text: typeof body === 'string' ? body : toJson(body) }
    } catch (thrown) {
      const error = asSkeinError(thrown)
      return { status: error.kind.status, text: toJson(error.toBody()) }
    }
  }
}
