/**
 * Contracts as callers know them: read from the registry's KV when first needed, kept, and read again now and then. The
 * current one of a service changes; that of a version is named by its hash and never does. Where the registry's client has a
 * snapshot folder, current ones are kept there as well, for a start while the registry is away.
 */
import { type Clock, systemClock } from '../core/clock.ts'
import { contractKey, type OperationContract, type ServiceContract, versionKey } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import { type ConsulClient, kvPath } from '../discovery/consul-client.ts'

/** A contract older than this is still used, and read again in the background. So long a missing version is not asked for again. */
const FRESH_MS = 30_000
/** After a reading has failed, until the next, ms. */
const RETRY_MS = 1_000
/** The registry's word is waited for so long before that of a snapshot file counts, ms. */
const PATIENCE_MS = 1_000
/** For a version's contract: a call waits for it and can go on without. */
const VERSION_TIMEOUT_MS = 1_000

interface Kept {
  contract: ServiceContract
  readAt: number
}

export class Contracts {
  readonly #consul: ConsulClient
  /** By which it waits. */
  readonly clock: Clock
  readonly #kept = new Map<string, Kept>()
  readonly #reading = new Map<string, Promise<ServiceContract>>()
  /** By versionKey. */
  readonly #versions = new Map<string, ServiceContract>()
  /** Versions being read, and for a while those that were not found. */
  readonly #lookups = new Map<string, Promise<ServiceContract | undefined>>()

  constructor(consul: ConsulClient, clock: Clock = systemClock) {
    this.#consul = consul
    this.clock = clock
  }

  /**
   * The service's contract. Waits for the registry only when none is known.
   * @throws SkeinError UNKNOWN_CONTRACT when none is published, REGISTRY_UNAVAILABLE.
   */
  async get(service: string): Promise<ServiceContract> {
    return this.current(service) ?? this.#first(service)
  }

  /** The same at once, where one is known. */
  current(service: string): ServiceContract | undefined {
    const kept = this.#kept.get(service)
    if (kept !== undefined && this.clock.monotonic() - kept.readAt > FRESH_MS) this.refresh(service)
    return kept?.contract
  }

  /** Reads it again in the background; what is known stays in use when that fails, and a later call tries again. */
  refresh(service: string): void {
    const keepOld = () => {
      const kept = this.#kept.get(service)
      if (kept !== undefined) kept.readAt = this.#soon()
    }
    void this.read(service).catch(keepOld)
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

  /** The contract with this hash where it was met before. */
  known(service: string, hash: string): ServiceContract | undefined {
    return this.#versions.get(versionKey(service, hash))
  }

  /** The contract with this hash, or undefined when it is not to be had now. Never rejects. */
  async version(service: string, hash: string): Promise<ServiceContract | undefined> {
    const key = versionKey(service, hash)
    const known = this.#versions.get(key)
    if (known !== undefined) return known
    let lookup = this.#lookups.get(key)
    if (lookup === undefined) {
      const missing = () => undefined
      lookup = this.#fetchVersion(key).catch(missing)
      this.#lookups.set(key, lookup)
      this.clock.after(FRESH_MS, () => this.#lookups.delete(key))
    }
    return lookup
  }

  /** All versions that were ever published. @throws SkeinError REGISTRY_UNAVAILABLE */
  async versions(service: string): Promise<readonly ServiceContract[]> {
    const { body } = await this.#consul.get(`${kvPath(versionKey(service, ''))}?recurse`)
    const entries = Array.isArray(body) ? (body as readonly { Key: string; Value: string | null }[]) : []
    return entries.flatMap(({ Key, Value }) => this.#keep(Key, Buffer.from(Value ?? '', 'base64').toString()) ?? [])
  }

  /** The registry's word; where it is not to be had, or not at once, the snapshot file's. */
  async #first(service: string): Promise<ServiceContract> {
    const reading = this.read(service)
    const patience = Promise.withResolvers<void>()
    const timer = this.clock.after(PATIENCE_MS, patience.resolve)
    const late = patience.promise.then(async () => (await this.#before(service)) ?? reading)
    try {
      return await Promise.race([reading, late])
    } catch (error) {
      const before = await this.#before(service)
      if (before === undefined) throw error
      return before
    } finally {
      timer.cancel()
    }
  }

  /** What the file has becomes what is known, unless the registry has spoken meanwhile. */
  async #before(service: string): Promise<ServiceContract | undefined> {
    const file = await this.#consul.snapshots?.read(nameOf(service))
    const contract = typeof file?.value === 'string' ? parseContract(file.value) : undefined
    const known = this.#kept.get(service)
    if (known !== undefined || contract === undefined) return known?.contract
    this.#kept.set(service, { contract, readAt: this.#soon() })
    return contract
  }

  /** As if it had been read so long ago that it will be read again in a moment. */
  #soon(): number {
    return this.clock.monotonic() - FRESH_MS + RETRY_MS
  }

  async #fetchVersion(key: string): Promise<ServiceContract | undefined> {
    const entry = await this.#consul.kvGet(key, { timeoutMs: VERSION_TIMEOUT_MS })
    return entry && this.#keep(key, entry.value)
  }

  #keep(key: string, text: string): ServiceContract | undefined {
    const contract = parseContract(text)
    if (contract !== undefined) this.#versions.set(key, contract)
    return contract
  }

  async #fetch(service: string): Promise<ServiceContract> {
    const entry = await this.#consul.kvGet(contractKey(service))
    const contract = entry === undefined ? undefined : parseContract(entry.value)
    if (contract === undefined) {
      const why = entry === undefined ? 'has published no contract' : 'has published something that is no contract'
      const where = `KV ${contractKey(service)} of the registry at ${this.#consul.address}`
      throw new SkeinError('UNKNOWN_CONTRACT', `service "${service}" ${why} (${where})`, { service })
    }
    this.#kept.set(service, { contract, readAt: this.clock.monotonic() })
    this.#consul.snapshots?.save(nameOf(service), entry!.value)
    return contract
  }
}

const nameOf = (service: string) => `contracts/${service}`

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
