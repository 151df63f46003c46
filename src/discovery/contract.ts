/**
 * Who is there: a source watches a service and yields immutable snapshots. It never yields less than it can stand for:
 * while the registry is away, answers empty or goes back in time, the last good set stays.
 */

/** The registry's word on an instance: the worst of its checks and its node's. */
export type InstanceStatus = 'passing' | 'warning' | 'critical'

export interface Instance {
  readonly id: string
  readonly service: string
  /** Host name or IP: the service's address, else its node's. */
  readonly address: string
  readonly port: number
  readonly node: string
  /** From Consul's Weights by status (Passing or Warning). 0 = send nothing. */
  readonly weight: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly status: InstanceStatus
}

/** The set of instances at one moment. The same content is the same object. Sorted by id. */
export interface Snapshot {
  readonly service: string
  readonly instances: readonly Instance[]
  /** The registry's index of this answer; 0 for static sources. */
  readonly index: number
  /** True while the source cannot confirm the set: the registry is away, or its answer was not believed. */
  readonly stale: boolean
  /** While stale: when the registry last confirmed the set, wall-clock ms; perhaps to a process before this one. */
  readonly confirmedAt?: number | undefined
}

export interface Watch {
  /** The newest snapshot, or undefined before the first answer. */
  current(): Snapshot | undefined
  /** Resolves with the first snapshot; rejects with the signal's reason. Resolves at once when there is one. */
  ready(signal?: AbortSignal): Promise<Snapshot>
  /** Calls `listener` on every new snapshot, not for the current one. Returns the function that stops it. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void
}

/**
 * Implementations: `source/consul.ts`, `source/static.ts`. Watching the same service twice shares one watch; a watch
 * goes on until the source is closed, because a service once called is called again.
 */
export interface Source {
  watch(service: string): Watch
  /** Ends all watches and open requests; idempotent. */
  close(): Promise<void>
}
