/** Contracts as callers know them: read from the registry's KV when first needed, kept, and read again now and then. */
import { type Clock, systemClock } from '../core/clock.ts'
import { contractKey, type OperationContract, type ServiceContract } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import type { ConsulClient } from '../discovery/consul-client.ts'

/** A contract older than this is still used, and read again in the background. */
const FRESH_MS = 30_000

interface Kept {
  contract: ServiceContract
  readAt: number
}

export class Contracts {
  readonly #consul: ConsulClient
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()
  readonly #reading = new Map<string, Promise<ServiceContract>>()

  constructor(consul: ConsulClient, clock: Clock = systemClock) {
    this.#consul = consul
    this.#clock = clock
  }

  /**
   * The service's contract. Waits for the registry only when none is known.
   * @throws SkeinError UNKNOWN_CONTRACT when none is published, REGISTRY_UNAVAILABLE.
   */
  async get(service: string): Promise<ServiceContract> {
    const kept = this.#kept.get(service)
    if (kept === undefined) return this.read(service)
    if (this.#clock.monotonic() - kept.readAt > FRESH_MS) this.refresh(service)
    return kept.contract
  }

  /** Reads it again in the background; what is known stays in use when that fails, and the next call tries again. */
  refresh(service: string): void {
    const keepOld = () => {}
    void this.read(service).then(keepOld, keepOld)
  }

  /** Reads it now; several at a time share one look-up. */
  read(service: string): Promise<ServiceContract> {
    let reading = this.#reading.get(service)
    if (reading === undefined) {
      reading = this.#fetch(service).finally(() => this.#reading.delete(service))
      this.#reading.set(service, reading)
    }
    return reading
  }

  async #fetch(service: string): Promise<ServiceContract> {
    const entry = await this.#consul.kvGet(contractKey(service))
    const contract = entry === undefined ? undefined : parseContract(entry.value)
    if (contract === undefined) {
      const why = entry === undefined ? 'has published no contract' : 'has published something that is no contract'
      throw new SkeinError('UNKNOWN_CONTRACT', `service "${service}" ${why} (KV ${contractKey(service)})`, { service })
    }
    this.#kept.set(service, { contract, readAt: this.#clock.monotonic() })
    return contract
  }
}

function parseContract(text: string): ServiceContract | undefined {
  try {
    const value = JSON.parse(text) as Partial<ServiceContract> | null
    const operations = Object.values(value?.operations ?? {})
    return value?.operations !== undefined && operations.every(isOperation) ? (value as ServiceContract) : undefined
  } catch {
    // No JSON is no contract; the caller says so with the key's name.
    return undefined
  }
}

function isOperation(value: OperationContract | undefined): boolean {
  return typeof value?.method === 'string' && typeof value.path === 'string' && value.path.startsWith('/')
}
