/**
 * A registry in a file: what `skein registry export` writes and `import` reads. Each entry is the body of the request that
 * makes it, so that whatever reads it checks it as any client's. Not in it: sessions and with them locks, which end with who
 * holds them, events, history, and tokens (secrets; they would be a part `acl` beside the others).
 */
import { Failure } from '../command.ts'
import { checkKvEntries, type KvEntry } from '../consul/kv-entries.ts'

export type Body = Readonly<Record<string, unknown>>

export interface RegistryDocument {
  /** Says what it is, and in which form. */
  readonly skein: 'registry/1'
  /** As `consul kv export` writes them. */
  readonly kv: readonly KvEntry[]
  /** Prepared queries, without the ID. */
  readonly queries: readonly Body[]
  /** For catalog/register: nodes, and the services on them, in this order. */
  readonly catalog: readonly Body[]
  /** For agent/service/register: what is on the registry's own node, whatever that is called where it is imported. */
  readonly services: readonly Body[]
  /** For agent/check/register: checks of that node alone. */
  readonly checks: readonly Body[]
  /** Who is under maintenance: a service ID, or '' for the node. */
  readonly maintenance: readonly { readonly service: string; readonly reason: string }[]
  /** Instances that are kept out; `Node` is '' for the registry's own. */
  readonly removed: readonly { readonly ServiceID: string; readonly Node: string; readonly Reason: string }[]
}

export const PARTS = ['kv', 'queries', 'catalog', 'services', 'checks', 'maintenance', 'removed'] as const

const EMPTY: RegistryDocument = {
  ...{ skein: 'registry/1', kv: [], queries: [], catalog: [] },
  ...{ services: [], checks: [], maintenance: [], removed: [] },
}

/** @throws Failure naming the place for what is neither a registry's export nor one of Consul's KV. */
export function readDocument(value: unknown, file: string): RegistryDocument {
  if (Array.isArray(value)) return { ...EMPTY, kv: checkKvEntries(value) }
  const given = (value ?? {}) as Partial<Record<keyof RegistryDocument, unknown>>
  if (given.skein !== EMPTY.skein) {
    const fix = 'It takes what skein registry export or consul kv export has written.'
    throw new Failure(`${file} is no export of a registry ("skein" is not "${EMPTY.skein}")`, fix)
  }
  for (const part of PARTS) refuseOther(given[part], `${file}: ${part}`)
  return { ...EMPTY, ...(given as RegistryDocument), kv: checkKvEntries(given.kv ?? []) }
}

function refuseOther(part: unknown, place: string): void {
  if (part === undefined) return
  if (!Array.isArray(part)) throw new Failure(`${place} is no list`)
  const at = part.findIndex((one) => typeof one !== 'object' || one === null)
  if (at >= 0) throw new Failure(`${place}[${at}] is no object`)
}

/** Only the keys that begin with `prefix`, and nothing else. */
export function onlyUnder(prefix: string, document: RegistryDocument): RegistryDocument {
  return { ...EMPTY, kv: document.kv.filter(({ key }) => key.startsWith(prefix)) }
}
