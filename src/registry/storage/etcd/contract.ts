/**
 * The little of etcd (3.4 and later) that the storage needs. Two implementations: `gateway.ts` talks to a cluster,
 * `fake-etcd.fixture.ts` is one in memory with the faults of a real one, for simulation.
 */

export interface KeyValue {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
}

export interface EtcdEvent extends KeyValue {
  /** Of a removal `value` is empty and `modRevision` the revision of the removal. */
  readonly removed: boolean
}

/** Everything in a range of keys as of one revision. */
export interface Listing {
  readonly revision: number
  readonly cluster: string
  readonly found: readonly KeyValue[]
}

/** One message of a watch. The events of one revision are never spread over two messages. */
export interface WatchMessage {
  /** Revision of the member when it sent the message. */
  readonly revision: number
  readonly events: readonly EtcdEvent[]
}

export type Operation =
  | { readonly put: string; readonly value: string; readonly lease?: string | undefined }
  /** With `through`: all keys from the one to the other, both included, in the order of their bytes. */
  | { readonly remove: string; readonly through?: string | undefined }

/** Write `operations` at one revision, if `key` was last modified at `revision` (0 = it does not exist). */
export interface Commit {
  readonly key: string
  readonly revision: number
  readonly operations: readonly Operation[]
}

export type Committed =
  | { readonly succeeded: true; readonly revision: number }
  /** What is at the key instead; undefined when nothing is. */
  | { readonly succeeded: false; readonly found: KeyValue | undefined }

/** Every method rejects with EtcdError. Reads are linearizable. */
export interface Etcd {
  /** The one key, or undefined. */
  get(key: string): Promise<KeyValue | undefined>
  /**
   * As `get`, but agreed on by a majority as a write is, and with what a write needs, space among it. etcd before 3.4.42 may
   * answer `get` with what was, by a member that has slept or just lost the lead; this it cannot.
   */
  confirm(key: string): Promise<KeyValue | undefined>
  /** All keys that start with `prefix`. */
  list(prefix: string): Promise<Listing>
  /**
   * May be sent more than once when answers get lost: the guard lets it happen once only, so a commit that finds its
   * guard broken may have been broken by itself. The caller can tell by what it wrote.
   */
  commit(commit: Commit): Promise<Committed>
  /**
   * Calls `onMessage` with what happens under `prefix` from `revision` on, until the returned function is called or the
   * watch ends by itself (connection, compaction, anything); then `onEnd` hears why, once.
   */
  watch(
    prefix: string,
    revision: number,
    onMessage: (message: WatchMessage) => void,
    onEnd: (reason: string) => void,
  ): () => void
  put(key: string, value: string, lease: string): Promise<void>
  /** A new lease's ID: the given one, a positive 63-bit number, or one of etcd's choice. One that is there lives on. */
  grant(seconds: number, id?: string): Promise<string>
  /** False when the lease is gone. */
  keepAlive(lease: string): Promise<boolean>
  /** Ends the lease; its keys vanish. */
  revoke(lease: string): Promise<void>
  /** True after every endpoint failed, until one answers again. */
  readonly away: boolean
  close(): Promise<void>
}

/**
 * `unavailable`: nobody answered in time, or there is no leader. A commit that failed so may have happened.
 * `no-login`: the token is not known any more; `denied`: wrong password, or too few rights; `named`: a certificate with a
 * common name, which etcd would take for the user if this were not its JSON gateway.
 */
export type EtcdFault = 'unavailable' | 'no-space' | 'no-lease' | 'no-login' | 'denied' | 'named' | 'refused'

export class EtcdError extends Error {
  readonly fault: EtcdFault

  constructor(fault: EtcdFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'EtcdError'
    this.fault = fault
  }
}
