/**
 * What the registry stores: a few kinds of records, plain JSON. A storage keeps them under (kind, key) together with the
 * index of their creation and last change; everything else in memory is derived from them. Map keys inside a record are
 * sorted, so that equal records are equal as JSON text.
 */
import type { Note } from '../history/contract.ts'
import type { BootstrapBody, PolicyBody, RoleBody, TokenBody } from './acl-records.ts'

export type Status = 'passing' | 'warning' | 'critical'
export type TextMap = Readonly<Record<string, string>>

export interface Weights {
  readonly Passing: number
  readonly Warning: number
}

export interface ServiceAddress {
  readonly Address: string
  readonly Port: number
}

export interface NodeBody {
  readonly Node: string
  readonly ID: string
  readonly Address: string
  readonly TaggedAddresses: TextMap | null
  readonly Meta: TextMap | null
  /** True for the node that stands for this registry: the agent API's services live on it. */
  readonly own?: boolean
}

export interface ServiceBody {
  readonly Node: string
  readonly ID: string
  readonly Service: string
  readonly Tags: readonly string[]
  readonly Address: string
  readonly TaggedAddresses?: Readonly<Record<string, ServiceAddress>>
  readonly Meta: TextMap | null
  readonly Port: number
  readonly SocketPath?: string
  readonly Weights: Weights
  readonly EnableTagOverride: boolean
}

/** How the registry itself finds out a check's status. Times in ms. Absent for checks that others report. */
export interface CheckDefinition {
  readonly ttlMs?: number
  readonly http?: string
  readonly method?: string
  readonly header?: Readonly<Record<string, readonly string[]>>
  readonly body?: string
  readonly disableRedirects?: boolean
  readonly tcp?: string
  readonly tcpUseTls?: boolean
  /** `host:port` or `host:port/service`. */
  readonly grpc?: string
  readonly grpcUseTls?: boolean
  readonly h2ping?: string
  readonly h2pingUseTls?: boolean
  readonly udp?: string
  /** The node whose state is copied, or where the service is; the registry's own when absent. */
  readonly aliasNode?: string
  /** ID of the service whose state is copied. */
  readonly aliasService?: string
  readonly tlsServerName?: string
  readonly tlsSkipVerify?: boolean
  readonly intervalMs?: number
  readonly timeoutMs?: number
  readonly successBeforePassing?: number
  readonly failuresBeforeWarning?: number
  readonly failuresBeforeCritical?: number
  readonly deregisterAfterMs?: number
  readonly outputMaxSize?: number
}

export interface CheckBody {
  readonly Node: string
  readonly CheckID: string
  readonly Name: string
  readonly Status: Status
  readonly Notes: string
  readonly Output: string
  readonly ServiceID: string
  readonly ServiceName: string
  readonly ServiceTags: readonly string[]
  readonly Type: string
  /** Go durations as shown to clients, `10s`; empty where there is none. */
  readonly Interval: string
  readonly Timeout: string
  /** What catalog/register was given, shown as it came; `{}` for agent checks. */
  readonly Definition: Readonly<Record<string, unknown>>
  readonly definition?: CheckDefinition
}

export interface KvBody {
  readonly Key: string
  /** Base64, '' for an empty value. */
  readonly Value: string
  /** An unsigned 64-bit number in decimal: JavaScript numbers would lose its digits. */
  readonly Flags: string
  readonly LockIndex: number
  readonly Session?: string
}

/** A check of a service that a session needs. */
export interface ServiceCheck {
  readonly ID: string
  readonly Namespace: string
}

/** Keys are held in the name of a session. It ends with its node, with any of its checks, or in silence. */
export interface SessionBody {
  readonly ID: string
  readonly Name: string
  readonly Node: string
  /** Nanoseconds. More than a minute counts as one. */
  readonly LockDelay: number
  /** What becomes of its keys when it ends. */
  readonly Behavior: 'release' | 'delete'
  /** A Go duration; empty = it lives without renewals. */
  readonly TTL: string
  readonly NodeChecks: readonly string[]
  readonly ServiceChecks: readonly ServiceCheck[] | null
  /** The older form of NodeChecks, kept as it was given. */
  readonly Checks?: readonly string[]
  /** Counted only where registries share a store, so that each hears of a renewal. Not shown. */
  readonly renewals?: number
  /** It is over, but has more keys than one write of the store can let go: they go step by step. */
  readonly ending?: true
}

/** The key refuses locks for a while: the session that held it ended, and its owner may not know yet. */
export interface DelayBody {
  readonly Key: string
  /** The session that ended. */
  readonly Session: string
  readonly ms: number
}

/** A question about a service that is kept under a name. */
export interface QueryBody {
  readonly ID: string
  /** '' = only by ID. */
  readonly Name: string
  /** It goes with this session; '' = it stays. */
  readonly Session: string
  /** Then the query is for every name that begins with its own, and may use what follows (`${name.suffix}`). */
  readonly Template?: { readonly Type: 'name_prefix_match'; readonly RemoveEmptyTags: boolean }
  /** AccessorID of the token whose rights it has, whoever asks. */
  readonly token?: string
  readonly Service: QueryService
  readonly DNS: { readonly TTL: string }
}

export interface QueryService {
  readonly Service: string
  /** Kept, but there is no other datacenter to turn to. */
  readonly Failover: { readonly NearestN: number; readonly Datacenters: readonly string[] | null }
  readonly OnlyPassing: boolean
  readonly IgnoreCheckIDs: readonly string[] | null
  readonly Near: string
  /** `!tag` excludes. */
  readonly Tags: readonly string[] | null
  readonly NodeMeta: TextMap | null
  readonly ServiceMeta: TextMap | null
  readonly Connect: boolean
}

/** An instance that was removed for good: it may not register until it is allowed again. */
export interface RemovedBody {
  readonly Node: string
  readonly ServiceID: string
  /** Name of the service; empty when it was not registered then. */
  readonly Service: string
  /** Why, in the words of whoever removed it. */
  readonly Reason: string
  /** RFC 3339, wall clock. */
  readonly Time: string
}

export interface Indexes {
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

export type NodeRecord = NodeBody & Indexes
export type ServiceRecord = ServiceBody & Indexes
export type CheckRecord = CheckBody & Indexes
export type KvRecord = KvBody & Indexes
export type SessionRecord = SessionBody & Indexes
export type QueryRecord = QueryBody & Indexes
export type DelayRecord = DelayBody & Indexes
export type RemovedRecord = RemovedBody & Indexes
export type TokenRecord = TokenBody & Indexes
export type PolicyRecord = PolicyBody & Indexes
export type RoleRecord = RoleBody & Indexes
export type BootstrapRecord = BootstrapBody & Indexes

export interface Bodies {
  node: NodeBody
  service: ServiceBody
  check: CheckBody
  kv: KvBody
  session: SessionBody
  delay: DelayBody
  query: QueryBody
  /** Under the record key of the instance. */
  removed: RemovedBody
  'acl-token': TokenBody
  'acl-policy': PolicyBody
  'acl-role': RoleBody
  'acl-bootstrap': BootstrapBody
}
export type Kind = keyof Bodies

/**
 * One record written (`body`) or removed (`null`). Changes of one command are applied in order, under one index.
 * `indexes` are the record's own where they are known already (a storage shared with other registries); else the index of
 * the application makes them.
 */
export type Change = {
  [K in Kind]: {
    readonly kind: K
    readonly key: string
    readonly body: Bodies[K] | null
    readonly indexes?: Indexes | undefined
    /** For the history, where the change means something to people. */
    readonly note?: Note | undefined
  }
}[Kind]

/** A record as a storage hands it back. */
export type StoredRecord = {
  [K in Kind]: { readonly kind: K; readonly key: string; readonly body: Bodies[K] } & Indexes
}[Kind]

/** Key of a service or check record: both live on a node. Names cannot contain a line feed. */
export function onNode(node: string, id: string): string {
  return `${node}\n${id}`
}

/** A record without its indexes. */
export function bare<R extends Indexes>(record: R): Omit<R, keyof Indexes> {
  const { CreateIndex: _created, ModifyIndex: _modified, ...body } = record
  return body
}
