/** The session in whose name a lock is held: kept alive while this process lives, gone soon after it dies. */
import type { Clock, Timer } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import { type Api, Refused } from '../api.ts'

/** Consul's own; it is renewed after half of it. */
const TTL_MS = 15_000
const RETRY_MS = 1000

export interface SessionOptions {
  readonly name: string
  /** What becomes of the keys that it holds when it ends. */
  readonly behaviour: 'release' | 'delete'
}

export class LockSession {
  readonly id: string
  readonly #api: Api
  readonly #clock: Clock
  readonly #lost = new AbortController()
  #renewal: Timer | undefined
  #expiry: Timer | undefined

  static async begin(api: Api, clock: Clock, { name, behaviour }: SessionOptions): Promise<LockSession> {
    const asked = clock.monotonic()
    const text = await api.put('/v1/session/create', {}, { Name: name, TTL: `${TTL_MS / 1000}s`, Behavior: behaviour })
    const session = new LockSession((JSON.parse(text) as { ID: string }).ID, api, clock)
    session.#renewed(asked)
    return session
  }

  private constructor(id: string, api: Api, clock: Clock) {
    this.id = id
    this.#api = api
    this.#clock = clock
  }

  /** Aborted when it has ended, or must be taken for ended because no renewal was answered for a whole TTL. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Ends it; fine when it has ended. */
  async end(): Promise<void> {
    this.#stop()
    await this.#api.put(`/v1/session/destroy/${this.id}`)
  }

  /** Counted from the question, not from the answer: the registry may have begun its TTL with the former. */
  #renewed(asked: number): void {
    this.#stop()
    const left = asked + TTL_MS - this.#clock.monotonic()
    this.#expiry = this.#clock.after(left, () => this.#lost.abort())
    this.#renewal = this.#clock.after(TTL_MS / 2, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const asked = this.#clock.monotonic()
    try {
      await this.#api.put(`/v1/session/renew/${this.id}`)
      if (this.#renewal !== undefined) this.#renewed(asked)
    } catch (error) {
      if (error instanceof Refused) this.#lost.abort()
      else if (!(error instanceof SkeinError)) throw error
      else if (this.#renewal !== undefined) this.#renewal = this.#clock.after(RETRY_MS, () => void this.#renew())
    }
  }

  #stop(): void {
    this.#renewal?.cancel()
    this.#expiry?.cancel()
    this.#renewal = undefined
  }
}
