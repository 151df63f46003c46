/** Applies a config that was saved to what runs. */
import { ConfigError, formatIssue } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import type { Fleet, InstanceInfo, ServiceSpec } from '../../fleet/contract.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { type Change, changesBetween } from './changes.ts'
import { GATEWAY_NAME, gatewayKey, type Plan } from './plan.ts'
import type { RegistryLink } from './registry-link.ts'

/** A spec as its owner holds it: the fleet reads it at each launch, so what is written here holds from the next one on. */
export type LiveSpec = { -readonly [K in keyof ServiceSpec]: ServiceSpec[K] }

export interface LiveOptions {
  readonly plan: Plan
  /** The very objects that the fleet was given. */
  readonly specs: readonly LiveSpec[]
  readonly fleet: Fleet
  readonly registry: RegistryLink
  readonly log: Logger
  /** Reads the file anew. @throws ConfigError */
  read(): Promise<Plan>
}

export class LiveConfig {
  readonly #options: LiveOptions
  readonly #specs: ReadonlyMap<string, LiveSpec>
  readonly #reweighed = new Set<string>()
  #plan: Plan
  /** One change after the other. */
  #busy: Promise<void> = Promise.resolve()

  constructor(options: LiveOptions) {
    this.#options = options
    this.#plan = options.plan
    this.#specs = new Map(options.specs.map((spec) => [spec.name, spec]))
  }

  /** To be called when the file was saved. What is wrong with it is logged, and what runs goes on as it is. */
  apply(): Promise<void> {
    this.#busy = this.#busy.then(() => this.#apply())
    return this.#busy
  }

  /**
   * To be called with each change of an instance: one that was starting while the weights changed registers with the old
   * one, and a program that registers itself may know of none.
   */
  async changed({ id, service, state, weight }: InstanceInfo): Promise<void> {
    if (state !== 'ready' || !this.#reweighed.has(service)) return
    try {
      await this.#options.registry.setWeight(id, weight)
    } catch (error) {
      this.#options.log.warn({ instance: id, weight, reason: (error as Error).message }, 'the weight could not be set')
    }
  }

  async #apply(): Promise<void> {
    const { log } = this.#options
    try {
      const plan = await this.#options.read()
      const changes = changesBetween(this.#plan, plan)
      this.#plan = { ...plan, services: this.#merged(plan), gateway: this.#plan.gateway }
      let gateway = plan.gateway
      for (const change of changes) {
        // Each by itself: one that fails keeps nothing else of what was saved from being applied.
        const done = await this.#try(change, plan)
        if (!done && change.kind === 'gateway') gateway = this.#plan.gateway // the next save puts it again
      }
      this.#plan = { ...this.#plan, gateway }
    } catch (error) {
      if (!(error instanceof ConfigError)) return log.error({ err: error }, 'the changed config could not be applied')
      const many = error.issues.length === 1 ? '1 mistake' : `${error.issues.length} mistakes`
      log.error(`the changed config has ${many}; what runs stays as it is\n${error.issues.map(formatIssue).join('\n')}`)
    }
  }

  /** A service that has left the config is stopped, but the fleet still knows it: its return is no new service. */
  #merged(plan: Plan): ServiceSpec[] {
    const gone = this.#plan.services.filter(({ name }) => !plan.services.some((spec) => spec.name === name))
    const known = plan.services.filter(({ name }) => this.#specs.has(name)) // what the fleet has not got stays new
    return [...known, ...gone.map((spec) => ({ ...spec, instances: 0 }))]
  }

  /** False when it failed, which is logged. */
  async #try(change: Change, plan: Plan): Promise<boolean> {
    try {
      await this.#make(change, plan)
      return true
    } catch (error) {
      this.#options.log.error({ err: error }, `config: ${describe(change)} could not be applied`)
      return false
    }
  }

  async #make(change: Change, plan: Plan): Promise<void> {
    const { fleet, registry, log } = this.#options
    switch (change.kind) {
      case 'gateway':
        await registry.put(gatewayKey(GATEWAY_NAME), this.#whereItListens(plan))
        return log.info('config: the gateway takes its new settings')
      case 'scale':
        log.info(`config: ${change.service} is scaled to ${change.instances}`)
        return fleet.scale(change.service, change.instances)
      case 'weights':
        return this.#reweigh(change.spec)
      case 'restart':
        log.info(`config: ${change.spec.name} is restarted, one instance at a time`)
        Object.assign(this.#specs.get(change.spec.name)!, change.spec)
        return fleet.restart(change.spec.name)
      case 'stop':
        log.info(`config: ${change.service} is gone and is stopped`)
        return fleet.stop(change.service)
      case 'later':
        return log.warn(`config: ${change.what} takes effect when skein up is started again`)
    }
  }

  /** The new settings at the port and host that the gateway has: it would refuse others while it runs. */
  #whereItListens({ gateway }: Plan): GatewayConfig {
    const { port, host } = this.#options.plan.gateway!.config
    return { ...gateway!.config, port, host }
  }

  /** Running instances change in the registry, without a restart; later ones are started with the new weight. */
  async #reweigh({ name, weights }: ServiceSpec): Promise<void> {
    const { fleet, log } = this.#options
    this.#specs.get(name)!.weights = weights
    this.#reweighed.add(name)
    const own = fleet.list().filter(({ service }) => service === name)
    for (const info of own) await this.changed(info)
    log.info(`config: ${name} has the weights ${own.map(({ weight }) => weight).join(', ')}`)
  }
}

function describe(change: Change): string {
  if (change.kind === 'gateway') return "the gateway's new settings"
  if (change.kind === 'later') return change.what
  return `${change.kind} of ${'spec' in change ? change.spec.name : change.service}`
}
