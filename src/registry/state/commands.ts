/** What can be asked of the state: plain JSON values, so that they can be logged, sent and replayed. */
import type { AclCommand } from './acl-commands.ts'
import type {
  Change,
  CheckBody,
  CheckRecord,
  KvRecord,
  NodeBody,
  NodeRecord,
  QueryBody,
  RemovedBody,
  ServiceBody,
  ServiceRecord,
  SessionBody,
  Status,
} from './records.ts'

/** A check as it is registered: name and tags of its service are filled in from the service. */
export type CheckInput = Omit<CheckBody, 'Node' | 'ServiceName' | 'ServiceTags'>

export interface Register {
  readonly type: 'register'
  readonly node: NodeBody
  /** Leave a known node as it is; an unknown one is created. */
  readonly skipNodeUpdate: boolean
  readonly service?: Omit<ServiceBody, 'Node'>
  readonly checks: readonly CheckInput[]
  /** A check that is there already keeps status and output, whatever the input says. */
  readonly keepStatus: boolean
  /** Remove checks of this service that are not listed. */
  readonly replaceChecks: boolean
}

/** Removes a check, a service with its checks, or (with neither) a node with all it has. */
export interface Deregister {
  readonly type: 'deregister'
  readonly node: string
  readonly serviceId?: string
  readonly checkId?: string
  /** Only while this check is critical. */
  readonly ifCritical?: string
}

export interface SetStatus {
  readonly type: 'set-status'
  readonly node: string
  readonly checkId: string
  readonly status: Status
  readonly output: string
}

export interface KvSet {
  readonly type: 'kv-set'
  readonly key: string
  readonly value: string
  readonly flags: string
  /** Only if the key's ModifyIndex is this; 0 = only if it does not exist. */
  readonly cas?: number
  /** Only if this session has the lock then, be it that it takes it now. Never with `release`. */
  readonly acquire?: string
  /** Only if this session has the lock, and lets it go. */
  readonly release?: string
}

export interface KvDelete {
  readonly type: 'kv-delete'
  readonly key: string
  /** Every key that starts with `key`. */
  readonly recurse: boolean
  readonly cas?: number
}

export interface SessionCreate {
  readonly type: 'session-create'
  readonly session: SessionBody
}

/** Ends a session: its keys are released or deleted. */
export interface SessionEnd {
  readonly type: 'session-end'
  readonly id: string
  /** Only if it was renewed no more often than this. */
  readonly renewals?: number
}

/** Counts a renewal, for the other registries on the store. */
export interface SessionRenew {
  readonly type: 'session-renew'
  readonly id: string
}

/** The key may be locked again, unless another session's end has delayed it anew. */
export interface DelayEnd {
  readonly type: 'delay-end'
  readonly key: string
  readonly session: string
}

export interface QuerySet {
  readonly type: 'query-set'
  readonly query: QueryBody
  /** Else the ID must be there. */
  readonly isNew: boolean
}

export interface QueryDelete {
  readonly type: 'query-delete'
  readonly id: string
}

/** Deregisters an instance, if it is there, and keeps it from registering again. */
export interface Remove {
  readonly type: 'remove'
  readonly removed: RemovedBody
}

/** Lets a removed instance register again. */
export interface Allow {
  readonly type: 'allow'
  readonly node: string
  readonly serviceId: string
}

export interface TxnKv {
  readonly kind: 'kv'
  readonly verb: string
  readonly key: string
  readonly value: string
  readonly flags: string
  /** What ModifyIndex must be, for the verbs that compare. */
  readonly index: number
  readonly session: string
}

/** About the node, service or check of this name or ID; `register` is what `set` and `cas` do. */
export interface TxnEntry {
  readonly kind: 'node' | 'service' | 'check'
  readonly verb: string
  readonly node: string
  readonly id: string
  readonly index: number
  readonly register?: Register | undefined
}

export type TxnOperation = TxnKv | TxnEntry

/** All of it or nothing, in order, under one index. */
export interface Txn {
  readonly type: 'txn'
  readonly operations: readonly TxnOperation[]
}

export type TxnResult =
  | { readonly kind: 'kv'; readonly record: KvRecord; readonly valued: boolean }
  | { readonly kind: 'node'; readonly record: NodeRecord }
  | { readonly kind: 'service'; readonly record: ServiceRecord }
  | { readonly kind: 'check'; readonly record: CheckRecord }

export interface TxnError {
  readonly OpIndex: number
  readonly What: string
}

export type Command =
  | Register
  | Deregister
  | SetStatus
  | KvSet
  | KvDelete
  | SessionCreate
  | SessionEnd
  | SessionRenew
  | DelayEnd
  | QuerySet
  | QueryDelete
  | Remove
  | Allow
  | AclCommand
  | Txn

export interface Decision {
  /** Empty when the command changes nothing: then no index moves and nothing is stored. */
  readonly changes: readonly Change[]
  /** False when the condition of a compare-and-set failed or the thing to remove was not there. */
  readonly done: boolean
  /** Of a transaction that succeeded. */
  readonly results?: readonly TxnResult[]
  /** Of one that did not. */
  readonly errors?: readonly TxnError[]
}
