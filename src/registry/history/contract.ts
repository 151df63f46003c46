/**
 * What happened to the registry's records, when, by whom and why. Outside the index: nobody waits for it. SQLite keeps it
 * in the same file and transaction (`sqlite.ts`), every other storage in memory (`ring.ts`), for etcd each registry for
 * itself: what it did with actor and cause, what others did without. Both run `history.suite.ts`.
 */

/** api: a request; check: the registry looked; ttl: no beat came; lease: its connection broke; reaper: critical for too long; restart: it started. */
export type Cause = 'api' | 'check' | 'ttl' | 'lease' | 'reaper' | 'restart' | 'unknown'

/** remove: for good; allow: its end. */
export type NoteKind = 'register' | 'update' | 'deregister' | 'status' | 'kv' | 'acl' | 'remove' | 'allow'

export interface Origin {
  readonly Cause: Cause
  /** Address of the client. */
  readonly Actor?: string | undefined
  /** With ACLs the AccessorID of its token, else the first 8 hex digits of its SHA-256. */
  readonly Token?: string | undefined
  /** The description of its token. */
  readonly TokenName?: string | undefined
}

/** What happened, without why. */
export interface Happening {
  readonly Kind: NoteKind
  readonly Node?: string
  /** Name of the service; empty for what concerns a node. */
  readonly Service?: string
  readonly ServiceID?: string
  readonly CheckID?: string
  readonly From?: string
  readonly To?: string
  readonly Key?: string
  /** `token`, `policy` or `role` and its ID. */
  readonly Acl?: string
  readonly Detail?: string
}

export interface Note extends Happening, Origin {
  /** RFC 3339, wall clock. */
  readonly Time: string
}

export interface Entry extends Note {
  readonly Index: number
}

export interface HistoryQuery {
  readonly service?: string | undefined
  readonly node?: string | undefined
  readonly kind?: string | undefined
  /** RFC 3339. */
  readonly since?: string | undefined
  /** At most so many, the newest. */
  readonly last: number
}

export interface History {
  /** Oldest first. */
  list(query: HistoryQuery): readonly Entry[]
}

/** What is older goes, and beyond the count the oldest. */
export const KEPT_MS = 30 * 24 * 3_600_000
export const KEPT_ON_DISK = 100_000
export const KEPT_IN_MEMORY = 10_000
