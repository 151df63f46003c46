/**
 * A connection that the instance holds to its registry, where that is Skein's: when the process dies the connection breaks, and
 * the registry takes the instance out at once instead of after its TTL. Never needed: without it the beats do the same, later.
 */
import type { Clock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { ConsulClient } from '../discovery/consul-client.ts'

/** A connection that lasted so long was a lease: it is held anew at once. A shorter one is tried again with the next beat, ms. */
const LASTED_MS = 1_000

export interface LeaseOptions {
  readonly instance: string
  /** The TTL check that turns critical when the connection breaks. */
  readonly check: string
  readonly consul: ConsulClient
  readonly clock: Clock
}

export class Lease {
  readonly #options: LeaseOptions
  readonly #stop = new AbortController()
  #held = false
  #refused = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /** To be called after each beat that was taken: holds the connection if it is not held. */
  hold(): void {
    if (this.#held || this.#refused || this.#stop.signal.aborted) return
    this.#held = true
    void this.#keep().finally(() => {
      this.#held = false
    })
  }

  /** To be called after each registration: it may be another registry, which knows leases. */
  renew(): void {
    this.#refused = false
  }

  /** To be called when the instance is deregistered, and not before. */
  end(): void {
    this.#stop.abort(new Error('deregistered'))
  }

  async #keep(): Promise<void> {
    const { clock } = this.#options
    for (let began = clock.monotonic(); !this.#stop.signal.aborted; began = clock.monotonic()) {
      await this.#ask()
      if (this.#refused || clock.monotonic() - began < LASTED_MS) return
    }
  }

  /** Resolves when the connection has ended, for whatever reason. */
  async #ask(): Promise<void> {
    const { instance, check, consul } = this.#options
    const query = new URLSearchParams({ instance, check })
    try {
      const { status } = await consul.hold(`/v1/skein/lease?${query}`, this.#stop.signal)
      this.#refused = status !== 200
    } catch (error) {
      // The registry is away, which the beat finds out and tells.
      if (!this.#stop.signal.aborted && !(error instanceof SkeinError)) throw error
    }
  }
}
