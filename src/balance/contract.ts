/**
 * Three questions, answered apart: who is there (discovery), how loaded is each (`Load`), which one (`Policy`).
 *
 * A policy must be pure: no clock, no I/O, no randomness but the generator it was made with. It keeps no count of requests
 * in flight: the caller begins and ends them on the endpoint's load, once for all policies, so a policy cannot leak one.
 * It may keep what its algorithm needs (a cursor, current weights, a table).
 */
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Load } from './load/contract.ts'

export type { Load, LoadObserver } from './load/contract.ts'

/** One instance as a policy sees it. */
export interface Endpoint {
  /** Stable and unique: the instance ID. Hash tables are built from `key`. */
  readonly id: string
  /** What hash policies place on their ring: `host:port`. */
  readonly key: string
  /** Whole number ≥ 1; an endpoint of weight 0 is filtered out before, but for `sticky`. */
  readonly weight: number
  readonly load: Load
  /** From the registry, for scopes. */
  readonly meta?: Readonly<Record<string, string>> | undefined
  readonly tags?: readonly string[] | undefined
}

/** What a pick may depend on. */
export interface PickRequest {
  /**
   * The text to hash; undefined when the request lacks it, then a hash policy chooses by P2C. For `sticky` the id of the endpoint where
   * the session is.
   */
  readonly hashKey?: string | undefined
  /**
   * False for endpoints not to be chosen this time: already tried, ejected, draining. Absent = all may be. The same function
   * says the same of the same endpoints, so a policy may keep what it derived from it until another comes. Within slow start it is
   * another for each pick, and its answer for a newcomer is a draw.
   */
  readonly eligible?: ((endpoint: Endpoint) => boolean) | undefined
  /** False for ejected endpoints, for scopes that count how many are healthy; the same function says the same. Absent = `eligible`. */
  readonly healthy?: ((endpoint: Endpoint) => boolean) | undefined
  /** `eligible` without regard to health, for panic. Absent = all may be. */
  readonly eligibleInPanic?: ((endpoint: Endpoint) => boolean) | undefined
  /** Monotonic ms, for loads that change with time; absent = they read the clock. */
  readonly now?: number | undefined
}

export interface Policy {
  readonly name: PolicyName | 'own'
  /**
   * Chooses one of `endpoints`, or undefined when none is eligible. The array is an immutable snapshot: the same members
   * are the same array object, so a policy may keep what it derived from it until another array comes.
   */
  pick<E extends Endpoint>(endpoints: readonly E[], request: PickRequest): E | undefined
  /** Whom its scopes leave out as things stand, by id, and why. For `explain`; absent = nobody. */
  outside?(endpoints: readonly Endpoint[], request: PickRequest): ReadonlyMap<string, string>
  /** Told of a failed attempt, where the algorithm has a use for it (weighted round robin lowers its effective weight). */
  failed?(endpointId: string): void
}

export type PolicyName =
  | 'round-robin'
  | 'weighted-round-robin'
  | 'random'
  | 'least-request'
  | 'p2c'
  | 'edf'
  | 'ip-hash'
  | 'sticky'
  | 'ring-hash'
  | 'envoy-ring-hash'
  | 'maglev'
  | 'rendezvous'

/** Where a hash policy finds its key in a request. `ip-port` is the client's address with its port. */
export type HashKeySource =
  | 'ip'
  | 'ip-port'
  | `header:${string}`
  | `cookie:${string}`
  | `param:${string}`
  | `query:${string}`

export interface PolicyOptions {
  readonly random: Random
  /**
   * Bounded load for hash policies: no endpoint holds more than factor × its fair share of requests in flight
   * (arXiv 1608.01350); the overflow goes on to the next. ≥ 1; 1.25 is sensible; absent = unbounded.
   */
  readonly boundedLoad?: number | undefined
  /** Points at least on the ring of `envoy-ring-hash`. Default 1024, or 100 for each endpoint where that is more. */
  readonly ringSize?: number | undefined
  /** Only for slow start. */
  readonly clock?: Clock | undefined
}

export type PolicyFactory = (options: PolicyOptions) => Policy
