/** /v1/kv: bytes under keys, with compare-and-set and locks. */
import type { Sight } from '../acl/sight.ts'
import type { KvRecord } from '../state/records.ts'
import { Refusal } from '../state/refusal.ts'
import { keyResource, underResource } from '../state/resources.ts'
import type { State } from '../state/state.ts'
import { escapeHtml } from './encoded.ts'
import { type Answer, type ApiRequest, type Endpoint, json, nameOf, type Registry } from './endpoint.ts'
import type { QueryString } from './query-string.ts'
import { checkCommon, type Read, read } from './read.ts'
import { checkSessionId } from './session.ts'

export const KV: readonly Endpoint[] = [{ path: '/v1/kv/', GET: read(get), PUT: put, DELETE: remove }]

const VALUE_MAX_BYTES = 512 * 1024

function get(request: ApiRequest, registry: Registry): Read {
  const { query, name } = request
  if (query.has('keys')) return keys(request, registry)
  if (query.has('recurse')) return recurse(request, registry)
  nameOf(request, 'Missing key name')
  const { state } = registry.store
  const found = () => state.kv.get(name)
  return {
    resources: [keyResource(name)],
    check: (rights) => rights.require('key', 'read', name),
    index: () => state.keyIndex(name),
    encode: () => found() && `[${showPair(found()!)}]`,
    // Many may wait for the same key; who only reads it would drive other answers out.
    cache: query.has('index'),
    ...(query.has('raw') ? { raw: () => found() && Buffer.from(found()!.Value, 'base64') } : {}),
  }
}

function recurse({ name }: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  return {
    resources: [underResource(name)],
    index: () => state.prefixIndex(name),
    check: listCheck(name, registry),
    encode: (sight) => {
      const pairs = visible(state, name, sight).map((key) => showPair(state.kv.get(key)!))
      return pairs.length === 0 ? undefined : `[${pairs.join(',')}]`
    },
    cache: true,
  }
}

const visible = (state: State, prefix: string, sight: Sight) =>
  [...state.keys.under(prefix)].filter((key) => sight.key(key))

function listCheck(prefix: string, { access }: Registry): NonNullable<Read['check']> {
  return (rights) => {
    if (access.keyListPolicy) rights.require('key', 'list', prefix)
  }
}

/** Not suppressed: a changed value wakes watchers of the names, as it does in Consul. */
function keys({ name, query }: ApiRequest, registry: Registry): Read {
  const { state } = registry.store
  const separator = query.get('separator') ?? query.get('seperator') ?? ''
  return {
    resources: [underResource(name)],
    index: () => state.prefixIndex(name),
    check: listCheck(name, registry),
    encode: (sight) => {
      const names = cutNames(visible(state, name, sight), name.length, separator)
      return names.length === 0 && name !== '' ? undefined : escapeHtml(JSON.stringify(names))
    },
    cache: true,
  }
}

/** Each name up to the first separator beyond the prefix; sorted input keeps equal ones together. */
function cutNames(names: string[], prefixLength: number, separator: string): string[] {
  if (separator === '') return names
  const cut = names.map((name) => {
    const at = name.indexOf(separator, prefixLength)
    return at < 0 ? name : name.slice(0, at + separator.length)
  })
  return [...new Set(cut)]
}

/** Written by hand for the sake of Flags: 64 bits do not survive as a JavaScript number. */
export function showPair({ Key, Value, Flags, LockIndex, Session, CreateIndex, ModifyIndex }: KvRecord): string {
  const value = Value === '' ? 'null' : `"${Value}"`
  const session = Session === undefined ? '' : `"Session":"${Session}",`
  return (
    `{"LockIndex":${LockIndex},"Key":${escapeHtml(JSON.stringify(Key))},"Flags":${Flags},"Value":${value},` +
    `${session}"CreateIndex":${CreateIndex},"ModifyIndex":${ModifyIndex}}`
  )
}

async function put(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { query } = request
  checkCommon(request, registry)
  const key = nameOf(request, 'Missing key name')
  refuseConflicts(query, ['acquire', 'cas', 'release'])
  const lock = lockOf(query)
  const flags = query.uint64('flags') ?? '0'
  const cas = casOf(query)
  request.rights.require('key', 'write', key)
  const value = await request.body(VALUE_MAX_BYTES, tooLarge)
  const done = await registry.store.write({
    type: 'kv-set',
    key,
    value: value.toString('base64'),
    flags,
    ...cas,
    ...lock,
  })
  return json(done)
}

async function remove(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { query } = request
  checkCommon(request, registry)
  refuseConflicts(query, ['cas', 'recurse'])
  const recursive = query.has('recurse')
  if (recursive) request.rights.requireTree(request.name)
  else request.rights.require('key', 'write', nameOf(request, 'Missing key name'))
  const done = await registry.store.write({
    type: 'kv-delete',
    key: request.name,
    recurse: recursive,
    ...casOf(query),
  })
  return json(done)
}

function tooLarge(bytes: number): string {
  return (
    `Request body(${bytes} bytes) too large, max size: ${VALUE_MAX_BYTES} bytes. ` +
    'See https://www.consul.io/docs/agent/options.html#kv_max_value_size.'
  )
}

function refuseConflicts(query: QueryString, names: readonly string[]): void {
  const given = names.filter((name) => query.has(name))
  if (given.length < 2) return
  throw new Refusal(400, `Conflicting flags: ${given.map((name) => `${name}=${query.get(name)}`).join('&')}\n`)
}

function lockOf(query: QueryString): { acquire?: string; release?: string } {
  const name = query.has('acquire') ? 'acquire' : query.has('release') ? 'release' : undefined
  if (name === undefined) return {}
  const session = query.get(name) ?? ''
  if (session === '') throw new Refusal(500, 'missing session')
  return { [name]: checkSessionId(session) }
}

/** Indexes are below 2^53; a larger number matches none of them, with or without its last digits. */
function casOf(query: QueryString): { cas?: number } {
  const cas = query.uint64('cas')
  return cas === undefined ? {} : { cas: Number(cas) }
}
