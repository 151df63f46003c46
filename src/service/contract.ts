/** The published promise of a service, and its way into the registry. */
import { createHash } from 'node:crypto'
import { contractKey, type OperationContract, type ServiceContract, versionKey } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import type { ConsulClient, ConsulRequestOptions } from '../discovery/consul-client.ts'
import type { Prepared } from './operation.ts'

export function buildContract(service: string, operations: readonly Prepared[]): ServiceContract {
  const byName = Object.fromEntries(operations.map((operation) => [operation.name, operationContract(operation)]))
  const hash = createHash('sha256').update(canonicalJson(byName)).digest('hex').slice(0, 16)
  return { service, hash, operations: byName }
}

function operationContract({ method, path, idempotent, input, output, errors }: Prepared): OperationContract {
  return {
    method,
    path,
    idempotent,
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    errors,
  }
}

/** Keys sorted, so that the same promise has the same hash whatever the order in which it was written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** For each request of a publication, ms: the beat waits for it. */
const PUBLISH_TIMEOUT_MS = 2_000

/** Writers of one key that take turns; more would be a fault of the store. */
const TURNS_MAX = 5

/** When this version began to run, ms since the epoch, decides which contract is the current one. */
export interface Publication {
  readonly contract: ServiceContract
  readonly since: number
}

/**
 * Writes the contract under its hash, and makes it the current one unless an instance that was started later has made
 * another the current one: an old instance that registers again during a deploy takes nothing back. Nothing is written that
 * is there already, as a write wakes everyone who watches. Not by version number: a deploy that goes back would never win.
 * The price: clocks of different machines are compared. Only a default depends on it, as each instance names its contract.
 * @throws SkeinError REGISTRY_UNAVAILABLE
 */
export async function publishContract(
  consul: ConsulClient,
  publication: Publication,
  signal?: AbortSignal,
): Promise<void> {
  const { contract } = publication
  const options = { signal, timeoutMs: PUBLISH_TIMEOUT_MS }
  const key = versionKey(contract.service, contract.hash)
  if ((await consul.kvGet(key, options)) === undefined) await consul.kvPut(key, JSON.stringify(contract), options)
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    if (await makeCurrent(consul, publication, options)) return
  }
  throw new SkeinError('REGISTRY_UNAVAILABLE', `${contractKey(contract.service)} changes too often to be written`)
}

/** False when another writer was faster. */
async function makeCurrent(
  consul: ConsulClient,
  { contract, since }: Publication,
  options: ConsulRequestOptions,
): Promise<boolean> {
  const key = contractKey(contract.service)
  const present = await consul.kvGet(key, options)
  if (present !== undefined && !gives(present.value, contract, since)) return true
  const path = `/v1/kv/${key}?cas=${present?.modifyIndex ?? 0}`
  const { status, text } = await consul.put(path, { ...contract, since }, options)
  if (status === 200) return text.trim() !== 'false'
  throw new SkeinError('REGISTRY_UNAVAILABLE', `registry at ${consul.address} refuses ${key}: ${status} ${text}`)
}

/** Does what is current give way? To what was started later; of two started in the same ms, always to the same one. */
function gives(current: string, { hash }: ServiceContract, since: number): boolean {
  const { hash: known = '', since: begun = 0 } = parsed(current)
  return begun < since || (begun === since && known < hash)
}

function parsed(text: string): Partial<ServiceContract> {
  try {
    return (JSON.parse(text) as Partial<ServiceContract> | null) ?? {}
  } catch {
    // What is no JSON is nobody's contract, and gives way.
    return {}
  }
}
