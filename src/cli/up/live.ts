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
  /** The very objects that the fleet was given, by name; services that come and go are entered here. */
  readonly specs: Map<string, LiveSpec>
  readonly fleet: Fleet
  readonly registry: RegistryLink
  readonly log: Logger
  /** Reads the file anew. @throws ConfigError */
  read(): Promise<Plan>
  /** Another plan is being applied. */
  planned(plan: Plan): void
}

export class LiveConfig {
  readonly #options: LiveOptions
  readonly #reweighed = new Set<string>()
  #plan: Plan
  /** One change after the other. */
  #busy: Promise<void> = Promise.resolve()

  constructor(options: LiveOptions) {
    this.#options = options
    this.#plan = options.plan
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
      // Registry and gateway are as they were: the former until the next start, the latter until its settings are put.
      this.#plan = { ...plan, registry: this.#plan.registry, gateway: this.#plan.gateway }
      this.#options.planned(this.#plan)
      // Each by itself: one that fails keeps nothing else of what was saved from being applied.
      for (const change of changes) await this.#try(change, plan)
    } catch (error) {
      if (!(error instanceof ConfigError)) return log.error({ err: error }, 'the changed config could not be applied')
      const many = error.issues.length === 1 ? '1 mistake' : `${error.issues.length} mistakes`
      log.error(`the changed config has ${many}; what runs stays as it is\n${error.issues.map(formatIssue).join('\n')}`)
    }
  }

  async #try(change: Change, plan: Plan): Promise<void> {
    try {
      await this.#make(change, plan)
    } catch (error) {
      this.#options.log.error({ err: error }, `config: ${describe(change)} could not be applied`)
    }
  }

  async #make(change: Change, plan: Plan): Promise<void> {
    const { fleet, log } = this.#options
    switch (change.kind) {
      case 'gateway':
        await this.#putGateway(plan.gateway!.config)
        return log.info('config: the gateway takes its new settings')
      case 'start':
        log.info(`config: ${change.spec.name} is new and is started`)
        return this.#start({ ...change.spec })
      case 'scale':
        log.info(`config: ${change.service} is scaled to ${change.instances}`)
        return fleet.scale(change.service, change.instances)
      case 'weights':
        return this.#reweigh(change.spec)
      case 'restart':
        log.info(`config: ${change.spec.name} is restarted, one instance at a time`)
        Object.assign(this.#options.specs.get(change.spec.name)!, change.spec)
        return fleet.restart(change.spec.name)
      case 'remove':
        log.info(`config: ${change.service} is gone; it drains and is stopped`)
        await fleet.remove(change.service)
        this.#options.specs.delete(change.service)
        return
      case 'later':
        return log.warn(`config: ${change.what} takes effect when skein up is started again`)
    }
  }

  /** At the port and host that the gateway has: it would refuse others while it runs. */
  async #putGateway(settings: GatewayConfig): Promise<void> {
    const gateway = this.#plan.gateway!
    const { port, host } = gateway.config
    const config = { ...settings, port, host }
    await this.#options.registry.put(gatewayKey(GATEWAY_NAME), config)
    this.#plan = { ...this.#plan, gateway: { ...gateway, config } }
  }

  /** Known before its first instance is, so that whoever hears of that finds it. */
  async #start(spec: LiveSpec): Promise<void> {
    this.#options.specs.set(spec.name, spec)
    await this.#options.fleet.add(spec)
  }

  /** Running instances change in the registry, without a restart; later ones are started with the new weight. */
  async #reweigh({ name, weights }: ServiceSpec): Promise<void> {
    const { fleet, log } = this.#options
    this.#options.specs.get(name)!.weights = weights
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
