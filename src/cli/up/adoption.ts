/**
 * Programs that know nothing of a registry are registered by `skein up`, so that any program with a port can be called. One
 * that registers by itself, through a Consul client or skein/register, is left alone: it has ADOPT_AFTER_MS for that from
 * the moment it answers. Not chosen: a key in the config, which would be forgotten and would be wrong in silence.
 */
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Fleet, InstanceInfo, ServiceSpec } from '../../fleet/contract.ts'
import type { RegistryLink } from './registry-link.ts'

const ADOPT_AFTER_MS = 2000

export interface AdoptionOptions {
  readonly fleet: Fleet
  /** Of the services that run now, by name. */
  readonly specs: ReadonlyMap<string, ServiceSpec>
  readonly registry: RegistryLink
  readonly log: Logger
  readonly clock: Clock
}

export class Adoption {
  readonly #options: AdoptionOptions
  readonly #adopted = new Set<string>()

  constructor(options: AdoptionOptions) {
    this.#options = options
  }

  /** To be called with each change of an instance. */
  changed(info: InstanceInfo): void {
    const spec = this.#options.specs.get(info.service)
    if (spec?.command === undefined || spec.system === true) return
    // A timer that keeps no process alive: what is not adopted yet need not be.
    if (info.state === 'ready') this.#options.clock.after(ADOPT_AFTER_MS, () => void this.#consider(info, spec))
    // Out of the registry first, then drain: nobody else would say so for it.
    else if (this.#adopted.delete(info.id)) void this.#options.registry.deregister(info)
  }

  async #consider(info: InstanceInfo, { healthPath }: ServiceSpec): Promise<void> {
    const { registry, log } = this.#options
    try {
      if (!this.#stillThere(info) || (await registry.knows(info)) || !this.#stillThere(info)) return
      this.#adopted.add(info.id)
      await registry.register(registrationFor(info, healthPath))
      log.info({ instance: info.id, port: info.port }, 'registered for it, as it has not registered itself')
    } catch (error) {
      log.warn({ instance: info.id, reason: (error as Error).message }, 'not registered: no call will reach it')
    }
  }

  #stillThere({ id, pid }: InstanceInfo): boolean {
    return this.#options.fleet.list().some((one) => one.id === id && one.pid === pid && one.state === 'ready')
  }
}

/** The registry asks for its health: over HTTP where a path is known, else whether the port accepts connections. */
function registrationFor({ id, service, port, weight }: InstanceInfo, healthPath: string | undefined): unknown {
  const address = '127.0.0.1'
  const asked =
    healthPath === undefined ? { TCP: `${address}:${port}` } : { HTTP: `http://${address}:${port}${healthPath}` }
  return {
    ID: id,
    Name: service,
    Address: address,
    Port: port,
    Meta: { skein: 'adopted' },
    Weights: { Passing: weight, Warning: 1 },
    Check: { ...asked, Interval: '1s', Timeout: '1s', Status: 'passing', DeregisterCriticalServiceAfter: '1m' },
  }
}
