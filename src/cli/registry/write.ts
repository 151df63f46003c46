/** Brings a document into a registry: one request after the other, keys in transactions, up to the first that fails. */
import { type ConsulClient, kvPath } from '../../discovery/consul-client.ts'
import { showExact } from '../consul/exact.ts'
import type { KvEntry } from '../consul/kv-entries.ts'
import { collectKeys, type Progress } from './collect.ts'
import { type Body, PARTS, type RegistryDocument } from './document.ts'

export type Part = (typeof PARTS)[number]

/** One request: all that it holds is written, or nothing. */
interface Step {
  readonly part: Part
  /** What it writes: keys, IDs. */
  readonly names: readonly string[]
  send(consul: ConsulClient): Promise<{ readonly status: number; readonly text: string }>
}

export interface Plan {
  readonly steps: readonly Step[]
  /** Keys that are there already as they are in the document. */
  readonly same: number
}

export interface Outcome {
  /** How much of each part. */
  readonly written: Readonly<Partial<Record<Part, number>>>
  /** Undefined = everything is written. */
  readonly failed?: { readonly part: Part; readonly names: readonly string[]; readonly reason: string } | undefined
  /** Of each part what is not written, the failed step included. */
  readonly left: Readonly<Partial<Record<Part, number>>>
}

/** Consul's limit is 128 operations and 512 kB; half of that leaves room for names. */
const BATCH_MAX = 64
const BATCH_BYTES_MAX = 256 * 1024

/** What is to be written into this registry. Again after a failure it is what was left. */
export async function planImport(document: RegistryDocument, consul: ConsulClient): Promise<Plan> {
  const { kv, removed, maintenance } = document
  const keys = kv.length === 0 ? [] : await changedKeys(kv, consul)
  const register = (part: Part, path: string) => (body: Body) => single(part, nameOf(body), path, body)
  const steps = [
    ...batches(keys).map(keyStep),
    ...(await querySteps(document.queries, consul)),
    ...document.catalog.map(register('catalog', '/v1/catalog/register')),
    ...document.services.map(register('services', '/v1/agent/service/register?replace-existing-checks=true')),
    ...document.checks.map(register('checks', '/v1/agent/check/register')),
    ...maintenance.map(({ service, reason }) => single('maintenance', service, maintenancePath(service, reason))),
    ...removed.map((one) => single('removed', one.ServiceID, removalPath(one))),
  ]
  return { steps, same: kv.length - keys.length }
}

async function changedKeys(kv: readonly KvEntry[], consul: ConsulClient): Promise<KvEntry[]> {
  const there = new Map((await collectKeys(consul, commonPrefix(kv))).map((one) => [one.key, one]))
  return kv.filter(({ key, flags, value }) => {
    const found = there.get(key)
    return found === undefined || found.value !== value || String(found.flags) !== String(flags)
  })
}

function commonPrefix(kv: readonly KvEntry[]): string {
  const keys = kv.map(({ key }) => key).sort()
  const [first = '', last = ''] = [keys[0], keys.at(-1)]
  let at = 0
  while (at < first.length && first[at] === last[at]) at++
  return first.slice(0, at)
}

function batches(keys: readonly KvEntry[]): KvEntry[][] {
  const all: KvEntry[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const entry of keys) {
    const size = entry.key.length + entry.value.length
    if (bytes + size > BATCH_BYTES_MAX || all.at(-1)!.length >= BATCH_MAX) {
      all.push([])
      bytes = 0
    }
    all.at(-1)!.push(entry)
    bytes += size
  }
  return all
}

/** A value that is too large for a transaction goes alone. */
function keyStep(entries: readonly KvEntry[]): Step {
  const names = entries.map(({ key }) => key)
  const [{ key, flags, value }, ...others] = entries as [KvEntry, ...KvEntry[]]
  const operations = entries.map(({ key: Key, flags: Flags, value: Value }) => {
    return { KV: { Verb: 'set', Key, Flags, Value } }
  })
  return {
    ...{ part: 'kv', names },
    send: (consul) =>
      others.length === 0
        ? consul.put(`${kvPath(key)}?flags=${flags}`, Buffer.from(value, 'base64'))
        : consul.put('/v1/txn', showExact(operations)),
  }
}

function single(part: Part, name: string, path: string, body?: Body): Step {
  return { part, names: [name], send: (consul) => consul.put(path, body) }
}

/** A query that has a name takes the place of the one that has it there. */
async function querySteps(queries: readonly Body[], consul: ConsulClient): Promise<Step[]> {
  if (queries.length === 0) return []
  const there = ((await consul.get('/v1/query')).body ?? []) as Body[]
  return queries.map((body): Step => {
    const named = there.find(({ Name }) => Name !== '' && Name === body['Name'])
    return {
      ...{ part: 'queries', names: [String(body['Name'] || '(without a name)')] },
      send: (one) => (named === undefined ? one.post('/v1/query', body) : one.put(`/v1/query/${named['ID']}`, body)),
    }
  })
}

function maintenancePath(service: string, reason: string): string {
  const query = new URLSearchParams({ enable: 'true', reason })
  if (service === '') return `/v1/agent/maintenance?${query}`
  return `/v1/agent/service/maintenance/${encodeURIComponent(service)}?${query}`
}

function removalPath({ ServiceID, Node, Reason }: RegistryDocument['removed'][number]): string {
  const query = new URLSearchParams({ force: '', reason: Reason, node: Node })
  return `/v1/skein/remove/${encodeURIComponent(ServiceID)}?${query}`
}

function nameOf({ ID, Name, Node, Service }: Body): string {
  const on = (Service as Body | undefined)?.['ID'] ?? (Service as Body | undefined)?.['Service']
  return String(Node === undefined ? (ID ?? Name) : on === undefined ? Node : `${Node}/${on}`)
}

/** Stops at the first step that is refused or not answered; what was written before stays. */
export async function carryOut({ steps }: Plan, consul: ConsulClient, progress: Progress): Promise<Outcome> {
  for (const [i, step] of steps.entries()) {
    progress(`writing ${i + 1} of ${steps.length}`)
    const reason = await attempt(step, consul)
    if (reason === undefined) continue
    const { part, names } = step
    return { written: count(steps.slice(0, i)), failed: { part, names, reason }, left: count(steps.slice(i)) }
  }
  return { written: count(steps), left: {} }
}

/** Undefined when it is written, else why not. */
async function attempt(step: Step, consul: ConsulClient): Promise<string | undefined> {
  try {
    const { status, text } = await step.send(consul)
    if (status === 200 && text.trim() !== 'false') return undefined
    return `status ${status}: ${text.trim().slice(0, 300)}`
  } catch (error) {
    return (error as Error).message
  }
}

export function count(steps: readonly Step[]): Partial<Record<Part, number>> {
  const of = (part: Part) =>
    steps.filter((step) => step.part === part).reduce((sum, { names }) => sum + names.length, 0)
  return Object.fromEntries(PARTS.map((part) => [part, of(part)] as const).filter(([, sum]) => sum > 0))
}
