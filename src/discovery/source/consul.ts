/**
 * Watches services in a registry that speaks Consul's API: one blocking query per service on
 * `GET /v1/health/service/<name>`. All instances, not only passing ones: the client judges, and may need them.
 */
import { type Clock, sleep, systemClock, type Timer } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/log.ts'
import { herdPause, type Random, systemRandom } from '../../core/random.ts'
import { type Belief, believe, settle } from '../belief.ts'
import type { ConsulAnswer, ConsulClient } from '../consul-client.ts'
import type { Instance, Source, Watch } from '../contract.ts'
import { readInstances } from '../health-answer.ts'
import { type KeptInstances, readKeptInstances, saveInstances } from '../kept-instances.ts'
import { TokenBucket } from '../token-bucket.ts'
import { PublishedWatch } from '../watch.ts'

export interface ConsulSourceOptions {
  readonly client: ConsulClient
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly log?: Logger | undefined
}

/** Short, so that a registry which hangs is noticed within WAIT_MS × 17/16 + 5 s; meanwhile the last set is used. */
const WAIT_MS = 30_000
/** So long the first answer is waited for before a snapshot file counts, ms: a registry that hangs must not hang every call. */
const PATIENCE_MS = 1_000
/** A server that does not block is asked twice a second at most; a rolling deploy of 20 changes passes at once. */
const LOOP_BURST = 20
const LOOP_REFILL_MS = 500

/** The client stays the caller's: closing the source does not close it. */
export function consulSource(options: ConsulSourceOptions): Source {
  const { clock = systemClock, random = systemRandom, log = silentLogger } = options
  const watches = new Map<string, ConsulWatch>()
  const stop = new AbortController()
  return {
    watch(service): Watch {
      let watch = watches.get(service)
      if (watch === undefined) {
        watch = new ConsulWatch(service, { client: options.client, clock, random, log }, stop.signal)
        watches.set(service, watch)
      }
      return watch.published
    },
    async close() {
      stop.abort(new SkeinError('CANCELLED', 'discovery is closed'))
      await Promise.all([...watches.values()].map((watch) => watch.ended))
    },
  }
}

interface WatchOptions {
  readonly client: ConsulClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

class ConsulWatch {
  readonly published: PublishedWatch
  /** Resolves when the loop has ended. */
  readonly ended: Promise<void>
  readonly #service: string
  readonly #options: WatchOptions
  readonly #signal: AbortSignal
  readonly #bucket: TokenBucket
  /** What a process before this one, or beside it, learnt last. */
  readonly #prior: Promise<KeptInstances | undefined>
  #belief: Belief | undefined
  /** Wall-clock ms at which the registry last confirmed the set. */
  #confirmedAt: number | undefined
  #holding: Timer | undefined
  /** The index to ask with; 0 = at once. */
  #index = 0
  #failures = 0

  constructor(service: string, options: WatchOptions, signal: AbortSignal) {
    this.published = new PublishedWatch(service)
    this.#service = service
    this.#options = options
    this.#signal = signal
    this.#bucket = new TokenBucket({ burst: LOOP_BURST, refillMs: LOOP_REFILL_MS, clock: options.clock })
    const { snapshots } = options.client
    this.#prior = snapshots === undefined ? Promise.resolve(undefined) : readKeptInstances(snapshots, service)
    this.ended = this.#run()
  }

  async #run(): Promise<void> {
    const { client, clock } = this.#options
    const patience = client.snapshots && clock.after(PATIENCE_MS, () => void this.#fallBack())
    try {
      while (!this.#signal.aborted) {
        await this.#bucket.take(this.#signal)
        await this.#ask()
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error
    } finally {
      patience?.cancel()
      this.#holding?.cancel()
    }
  }

  async #ask(): Promise<void> {
    const path = `/v1/health/service/${encodeURIComponent(this.#service)}`
    try {
      const query = { index: this.#index, waitMs: WAIT_MS, signal: this.#signal }
      const answer = await this.#options.client.get(path, query)
      this.#accept(answer, this.#belief === undefined ? await this.#prior : undefined)
    } catch (error) {
      if (this.#signal.aborted) return
      await this.#reconnect(error)
    }
  }

  /** Without a registry that speaks: what was known before. It is not waited for longer than a call can wait. */
  async #fallBack(): Promise<void> {
    const prior = await this.#prior
    if (prior === undefined || this.#belief !== undefined || this.#signal.aborted) return
    const { clock, log } = this.#options
    const ageSeconds = Math.round((clock.now() - prior.confirmedAt) / 1000)
    const counts = { instances: prior.instances.length, ageSeconds }
    log.warn(
      { service: this.#service, ...counts },
      'the registry is away: beginning with the instances of a snapshot file',
    )
    this.#believePrior(prior)
    this.#publish()
  }

  #believePrior({ instances, index, confirmedAt }: KeptInstances): void {
    const holdUntil = this.#options.clock.monotonic()
    this.#belief = { instances, doubted: true, answered: instances, index, holdUntil }
    this.#confirmedAt = confirmedAt
  }

  #accept(answer: ConsulAnswer, prior: KeptInstances | undefined): void {
    // A missing index must not make a loop that never blocks; see "Blocking Queries" in Consul's API documentation.
    const index = answer.index === 0 ? 1 : answer.index
    const news = answer.index === 0 || index !== this.#index || this.#belief === undefined
    const instances = news ? this.#read(answer) : undefined
    this.#recovered()
    this.#index = index < this.#index ? 0 : index
    // A registry that has lost its past knows less than the file. One that remembers it is believed, also when it says: none.
    if (this.#belief === undefined && prior !== undefined && index < prior.index) this.#believePrior(prior)
    if (instances !== undefined) this.#believe(instances, index)
    this.#publish()
    this.#confirmed()
  }

  /** @throws SkeinError when the answer is not what was asked for: garbage, half of it, an error page with status 200. */
  #read(answer: ConsulAnswer): Instance[] {
    const instances = answer.status === 200 ? readInstances(this.#service, answer.body) : undefined
    if (instances !== undefined) return instances
    this.#options.client.doubt(answer)
    const address = answer.registry
    throw new SkeinError(
      'REGISTRY_UNAVAILABLE',
      `registry at ${address}: no list of instances of "${this.#service}" but status ${answer.status}: ${answer.text.slice(0, 100)}`,
      { registry: address, service: this.#service },
    )
  }

  #believe(instances: readonly Instance[], index: number): void {
    const { clock, log } = this.#options
    const doubtedBefore = this.#belief?.doubted === true
    const before = this.#belief?.index ?? 0
    this.#belief = believe(this.#belief, instances, index, clock.monotonic())
    if (this.#belief.doubted && !doubtedBefore) {
      const counts = { answered: instances.length, kept: this.#belief.instances.length }
      const level = index < before ? 'warn' : 'info'
      log[level](
        { service: this.#service, index, ...counts },
        'instances have left the registry at once: keeping them for now',
      )
    }
    this.#watchHold(this.#belief)
  }

  #watchHold(belief: Belief): void {
    const { clock } = this.#options
    this.#holding?.cancel()
    this.#holding = undefined
    if (!belief.doubted || belief.answered.length === 0) return
    this.#holding = clock.after(belief.holdUntil - clock.monotonic(), () => {
      // The time that is over, not the clock: Node truncates to whole ms, so it may run a little early, and only once.
      this.#belief = settle(belief, belief.holdUntil)
      this.#publish()
    })
  }

  #publish(): void {
    const { instances, index, doubted } = this.#belief!
    this.published.publish(instances, index, doubted || this.#failures > 0, this.#confirmedAt)
  }

  #confirmed(): void {
    if (this.#belief!.doubted) return
    const { client, clock } = this.#options
    this.#confirmedAt = clock.now()
    const { instances } = this.published.current()!
    if (client.snapshots !== undefined) saveInstances(client.snapshots, this.#service, instances, this.#belief!.index)
  }

  #recovered(): void {
    if (this.#failures === 0) return
    this.#options.log.info({ service: this.#service, failures: this.#failures }, 'the registry answers again')
    this.#failures = 0
  }

  /** Keeps what is known, marked stale, and waits a while. One line in the log per outage, not one per try. */
  async #reconnect(error: unknown): Promise<void> {
    const { clock, random, log } = this.#options
    if (this.#failures === 0)
      log.warn({ service: this.#service, err: error }, 'the registry is away: keeping the last set')
    // Asked without an index it answers at once, so that its return is known at once and not after the next change.
    this.#index = 0
    const pause = herdPause(random, this.#failures++)
    if (this.#belief === undefined) await this.#fallBack()
    else this.#publish()
    await sleep(pause, clock, this.#signal)
  }
}
