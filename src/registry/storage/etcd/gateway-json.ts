/**
 * The JSON of etcd's gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/): keys and values in base64, 64-bit
 * numbers as strings, fields that are zero, false or empty left out.
 */
import type { Commit, Committed, EtcdEvent, EtcdFault, KeyValue, Operation } from './contract.ts'
import { EtcdError } from './contract.ts'

export interface JsonHeader {
  readonly cluster_id?: string
  readonly revision?: string
}

export interface JsonKeyValue {
  readonly key?: string
  readonly value?: string
  readonly create_revision?: string
  readonly mod_revision?: string
}

export interface JsonRange {
  readonly header?: JsonHeader
  readonly kvs?: readonly JsonKeyValue[]
  readonly more?: boolean
}

export interface JsonTxn {
  readonly header?: JsonHeader
  readonly succeeded?: boolean
  readonly responses?: readonly { readonly response_range?: JsonRange }[]
}

export interface JsonWatch {
  readonly result?: {
    readonly header?: JsonHeader
    readonly canceled?: boolean
    readonly cancel_reason?: string
    readonly compact_revision?: string
    readonly events?: readonly { readonly type?: string; readonly kv?: JsonKeyValue }[]
  }
  readonly error?: { readonly message?: string }
}

export const encodeText = (text: string) => Buffer.from(text).toString('base64')
const decodeText = (base64 = '') => Buffer.from(base64, 'base64').toString()
export const number = (text = '0') => Number(text)

export function keyValue({ key, value, create_revision, mod_revision }: JsonKeyValue): KeyValue {
  return {
    key: decodeText(key),
    value: decodeText(value),
    createRevision: number(create_revision),
    modRevision: number(mod_revision),
  }
}

export function watchEvent({ type, kv }: { type?: string; kv?: JsonKeyValue }): EtcdEvent {
  return { ...keyValue(kv ?? {}), removed: type === 'DELETE' }
}

/** The end of the range of all keys that start with `prefix`: its last byte, one higher. */
export function prefixEnd(prefix: string): string {
  const bytes = Buffer.from(prefix)
  bytes[bytes.length - 1]! += 1
  return bytes.toString('base64')
}

/**
 * etcd counts the operations of a transaction (`--max-txn-ops`, 128 by default), and those of a transaction inside it
 * against what the outer one has left. A cube of groups holds many more than a list, at the same one revision.
 */
const GROUP = 42
export const OPERATIONS_MAX = GROUP ** 3

export function commitBody({ key, revision, operations }: Commit): unknown {
  const guard = { key: encodeText(key), target: 'MOD', result: 'EQUAL', mod_revision: String(revision) }
  return {
    compare: [guard],
    success: grouped(operations.map(operationBody)),
    failure: [{ request_range: { key: encodeText(key) } }],
  }
}

function operationBody(operation: Operation): unknown {
  if ('remove' in operation) return { request_delete_range: rangeOf(operation) }
  const { put, value, lease } = operation
  return { request_put: { key: encodeText(put), value: encodeText(value), ...(lease === undefined ? {} : { lease }) } }
}

/** The end of a range is the first key that is not in it. */
function rangeOf({ remove, through }: { remove: string; through?: string | undefined }) {
  if (through === undefined || through === remove) return { key: encodeText(remove) }
  return { key: encodeText(remove), range_end: Buffer.concat([Buffer.from(through), Buffer.of(0)]).toString('base64') }
}

function grouped(operations: readonly unknown[]): readonly unknown[] {
  if (operations.length <= GROUP) return operations
  const groups = Array.from({ length: Math.ceil(operations.length / GROUP) }, (_, i) => ({
    request_txn: { success: operations.slice(i * GROUP, (i + 1) * GROUP) },
  }))
  return grouped(groups)
}

export function committed({ header, succeeded, responses }: JsonTxn): Committed {
  if (succeeded === true) return { succeeded, revision: number(header?.revision) }
  const found = responses?.[0]?.response_range?.kvs?.[0]
  return { succeeded: false, found: found === undefined ? undefined : keyValue(found) }
}

/** gRPC codes: https://grpc.io/docs/guides/status-codes/. */
const FAULTS: Readonly<Record<number, EtcdFault>> = { 4: 'unavailable', 14: 'unavailable' }

/** Of an answer that may be a whole page. */
const TEXT_MAX = 200

/** What the code alone does not tell. */
const TEXTS: readonly (readonly [RegExp, EtcdFault])[] = [
  [/database space exceeded/, 'no-space'],
  [/lease not found/, 'no-lease'],
  [/invalid auth token|revision in header is old|user name is empty/, 'no-login'],
  [/authentication failed|permission denied/, 'denied'],
  [/^CommonName of client/, 'named'],
]

export function etcdError(status: number, body: string): EtcdError {
  const { code, error } = errorBody(body)
  const text = error ?? (body.trim().slice(0, TEXT_MAX) || `HTTP status ${status}`)
  const known = TEXTS.find(([pattern]) => pattern.test(text))
  return new EtcdError(known?.[1] ?? FAULTS[code ?? 14] ?? 'refused', text)
}

/** Its answer may have been lost, or another registry was first. */
export const saysLeaseExists = (error: unknown) => error instanceof EtcdError && /already exists/.test(error.message)

/** What is not etcd's JSON came from something in between, or from a process that is going down. */
function errorBody(body: string): { code?: number; error?: string } {
  try {
    return JSON.parse(body) as { code?: number; error?: string }
  } catch {
    return {}
  }
}
