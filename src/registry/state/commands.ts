/** What can be asked of the state: plain JSON values, so that they can be logged, sent and replayed. */
import type { Change, CheckBody, NodeBody, ServiceBody, Status } from './records.ts'

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
}

export interface KvDelete {
  readonly type: 'kv-delete'
  readonly key: string
  /** Every key that starts with `key`. */
  readonly recurse: boolean
  readonly cas?: number
}

export type Command = Register | Deregister | SetStatus | KvSet | KvDelete

export interface Decision {
  /** Empty when the command changes nothing: then no index moves and nothing is stored. */
  readonly changes: readonly Change[]
  /** False when the condition of a compare-and-set failed or the thing to remove was not there. */
  readonly done: boolean
}
