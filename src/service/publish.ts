/** A contract's way into the registry. */
import { contractKey, type ServiceContract, versionKey } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import type { ConsulClient, ConsulRequestOptions } from '../discovery/consul-client.ts'

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
 * Makes the contract the current one unless an instance that was started later has made another the current one, so that an old
 * instance which registers again during a deploy takes nothing back; and writes it under its hash. Nothing is written that is
 * there already, as a write wakes everyone who watches. Not by version number: a deploy that goes back would never win.
 * The price: clocks of different machines are compared. Only a default depends on it, as each instance names its contract.
 * @throws SkeinError REGISTRY_UNAVAILABLE
 */
export async function publishContract(
  consul: ConsulClient,
  publication: Publication,
  signal?: AbortSignal,
): Promise<void> {
  const { service, hash } = publication.contract
  const options = { signal, timeoutMs: PUBLISH_TIMEOUT_MS }
  const isNew = await makeCurrent(consul, publication, options)
  const key = versionKey(service, hash)
  if ((await consul.kvGet(key, options)) === undefined) {
    await consul.kvPut(key, JSON.stringify(publication.contract), options)
  }
  if (isNew) await forgetPast(consul, service, hash, options)
}

/** False when what is current stays. */
async function makeCurrent(
  consul: ConsulClient,
  publication: Publication,
  options: ConsulRequestOptions,
): Promise<boolean> {
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const outcome = await tryToMakeCurrent(consul, publication, options)
    if (outcome !== 'overtaken') return outcome === 'written'
  }
  const key = contractKey(publication.contract.service)
  throw new SkeinError('REGISTRY_UNAVAILABLE', `${key} changes too often to be written`)
}

/** `overtaken`: another writer was faster. */
async function tryToMakeCurrent(
  consul: ConsulClient,
  { contract, since }: Publication,
  options: ConsulRequestOptions,
): Promise<'written' | 'kept' | 'overtaken'> {
  const key = contractKey(contract.service)
  const present = await consul.kvGet(key, options)
  if (present !== undefined && !gives(present.value, contract, since)) return 'kept'
  const path = `/v1/kv/${key}?cas=${present?.modifyIndex ?? 0}`
  const { status, text } = await consul.put(path, { ...contract, since }, options)
  if (status === 200) return text.trim() === 'false' ? 'overtaken' : 'written'
  throw new SkeinError('REGISTRY_UNAVAILABLE', `registry at ${consul.address} refuses ${key}: ${status} ${text}`)
}

/**
 * Takes away the versions that no instance serves any more. One that is registered anew publishes its own again. Where the token
 * may not list or delete, they stay: a few kB each.
 */
async function forgetPast(
  consul: ConsulClient,
  service: string,
  own: string,
  options: ConsulRequestOptions,
): Promise<void> {
  const { body: keys } = await consul.get(`/v1/kv/${versionKey(service, '')}?keys`, options)
  const { body: instances } = await consul.get(`/v1/catalog/service/${service}`, options)
  if (!Array.isArray(keys) || !Array.isArray(instances)) return
  const serving = (instances as readonly { ServiceMeta?: Record<string, string> }[]).map(
    (one) => one.ServiceMeta?.['contract'],
  )
  const needed = new Set([own, ...serving].map((hash) => versionKey(service, hash ?? '')))
  for (const key of keys as readonly string[]) {
    if (!needed.has(key)) await consul.delete(`/v1/kv/${key}`, options)
  }
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
