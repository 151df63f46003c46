/** What `skein up` itself does with the registry: configure the gateway, take out the dead, change weights. */
import { type Clock, sleep } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { ConsulClient } from '../../discovery/consul-client.ts'
import { readInstances } from '../../discovery/health-answer.ts'
import type { InstanceInfo } from '../../fleet/contract.ts'

/** How long to wait for a registry that does not answer yet, ms, and between two tries. */
const PATIENCE_MS = 20_000
const RETRY_MS = 50

export class RegistryLink {
  readonly #client: ConsulClient
  readonly #log: Logger
  readonly #clock: Clock
  readonly #pending = new Set<Promise<void>>()

  constructor(client: ConsulClient, log: Logger, clock: Clock) {
    this.#client = client
    this.#log = log
    this.#clock = clock
  }

  put(key: string, value: unknown): Promise<void> {
    return this.#client.kvPut(key, JSON.stringify(value))
  }

  /** Puts a value as soon as the registry answers: it may be starting. @throws SkeinError REGISTRY_UNAVAILABLE. */
  putOnceUp(key: string, value: unknown, signal: AbortSignal): Promise<void> {
    return this.onceUp(() => this.put(key, value), signal)
  }

  /** Does it as soon as the registry answers. @throws SkeinError REGISTRY_UNAVAILABLE. */
  async onceUp(act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const end = this.#clock.monotonic() + PATIENCE_MS
    for (;;) {
      try {
        return await act()
      } catch (error) {
        if (!(error instanceof SkeinError) || this.#clock.monotonic() > end) throw error
        await sleep(RETRY_MS, this.#clock, signal)
      }
    }
  }

  /** Whether some instance is registered on this instance's port, by whatever id. */
  async knows({ service, port }: InstanceInfo): Promise<boolean> {
    const { body } = await this.#client.get(`/v1/health/service/${encodeURIComponent(service)}`)
    return readInstances(service, body)?.some((instance) => instance.port === port) === true
  }

  /**
   * Takes out an instance whose process has ended, so that nobody waits for its checks to expire. One that left by itself
   * has deregistered already: 404.
   */
  deregister({ id }: InstanceInfo): Promise<void> {
    const done = this.#deregister(id).finally(() => this.#pending.delete(done))
    this.#pending.add(done)
    return done
  }

  /** Resolves when nothing is being taken out any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#pending)
  }

  async #deregister(id: string): Promise<void> {
    try {
      const { status, text } = await this.#client.put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`)
      if (status !== 200 && status !== 404) throw new Error(`status ${status}: ${text}`)
    } catch (error) {
      this.#log.warn(
        { instance: id, reason: (error as Error).message },
        'not deregistered; its checks will expire instead',
      )
    }
  }

  /**
   * Gives a running instance another weight: registers it again as it is, but for that. Checks which a registration does not
   * list stay, so its health is not touched.
   */
  async setWeight(id: string, weight: number): Promise<void> {
    const path = `/v1/agent/service/${encodeURIComponent(id)}`
    const { status, body } = await this.#client.get(path)
    if (status === 404) return // not registered yet: it will register with its new weight
    const { Service, Weights, ID, Tags, Meta, Address, Port, EnableTagOverride } = body as Registered
    if (Weights.Passing === weight) return
    const same = { ID, Name: Service, Tags, Meta, Address, Port, EnableTagOverride }
    await this.register({ ...same, Weights: { ...Weights, Passing: weight } })
  }

  async register(registration: unknown): Promise<void> {
    const { status, text } = await this.#client.put('/v1/agent/service/register', JSON.stringify(registration))
    if (status !== 200) throw new Error(`the registry refuses the registration with ${status}: ${text}`)
  }
}

/** Of Consul's answer to `GET /v1/agent/service/:id`, what makes up a registration. */
interface Registered {
  readonly ID: string
  readonly Service: string
  readonly Tags: readonly string[]
  readonly Meta: Readonly<Record<string, string>>
  readonly Address: string
  readonly Port: number
  readonly EnableTagOverride: boolean
  readonly Weights: { readonly Passing: number; readonly Warning: number }
}
