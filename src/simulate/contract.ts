/** A model of one service under load, on a virtual clock: what a scenario says, and what is measured. */
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { HedgePolicy } from '../client/hedge-policy.ts'

/** How long an instance works on a request. `lognormal` has the long tail of real services. */
export type Latency =
  | { readonly kind: 'constant'; readonly ms: number }
  | { readonly kind: 'exponential'; readonly meanMs: number }
  | { readonly kind: 'lognormal'; readonly medianMs: number; readonly sigma: number }

export interface InstanceSpec {
  readonly id: string
  readonly latency: Latency
  /** Requests worked on at a time, the others wait in order of arrival. Default 1. */
  readonly concurrency?: number | undefined
  /** Default 1. */
  readonly weight?: number | undefined
  readonly meta?: Readonly<Record<string, string>> | undefined
  readonly tags?: readonly string[] | undefined
}

/**
 * `kill`: connections are refused, and what was under way is broken off. `hang`: connects, and answers nothing until `heal`.
 * `fail`: answers with an error at once. `flaky`: works, and answers a part of the requests with an error. `slow`: works `factor`
 * times as long. `heal` ends all of these. `remove` takes it out of the registry; what is under way is finished.
 */
export type ScenarioEvent =
  | { readonly atMs: number; readonly do: 'kill' | 'hang' | 'fail' | 'heal' | 'remove'; readonly instance: string }
  | { readonly atMs: number; readonly do: 'slow'; readonly instance: string; readonly factor: number }
  /** `part` above 0, at most 1. */
  | { readonly atMs: number; readonly do: 'flaky'; readonly instance: string; readonly part: number }
  | { readonly atMs: number; readonly do: 'add'; readonly instance: InstanceSpec }

export interface Scenario {
  readonly name: string
  readonly instances: readonly InstanceSpec[]
  /** Requests over what the instances of the start can carry, weights aside; arrivals are a Poisson process. */
  readonly utilisation: number
  readonly requests: number
  readonly events?: readonly ScenarioEvent[] | undefined
  /** Callers that know nothing of each other and take requests in turn. Default 1. */
  readonly callers?: number | undefined
  /** Different hash keys, drawn evenly. Default 1000. */
  readonly keys?: number | undefined
  /** Of one attempt, until its answer, ms. Default 1000. */
  readonly attemptTimeoutMs?: number | undefined
  /** Attempts at most. Default 3, as the client's. */
  readonly attempts?: number | undefined
}

export interface SimulationOptions {
  readonly scenario: Scenario
  readonly balance: BalanceConfig
  /** As a client's or a route's; default none. */
  readonly hedge?: HedgePolicy | undefined
  /** The same seed gives the same arrivals and times of work to every policy, and the same result. Default 1. */
  readonly seed?: number | undefined
  /** Is told of each pick, retry and end. */
  readonly observer?: Observer | undefined
}

export interface SimulationResult {
  readonly requests: number
  readonly failed: number
  readonly attempts: number
  /** Of the attempts, those that were hedges. */
  readonly hedges: number
  /** Of the calls that were answered, from the call to its answer, all attempts included. */
  readonly meanMs: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Attempts per instance, each by its weight and the time that it was registered: the largest over the mean. */
  readonly maxOverMean: number
  /** Only for hash policies and changes of members: part of the keys that moved at a change, on average. */
  readonly movedKeys?: number | undefined
  /** Part of the keys that moved although neither their old nor their new instance left or came. */
  readonly needlesslyMoved?: number | undefined
  readonly byInstance: Readonly<Record<string, number>>
}

export interface Observer {
  picked(pick: ObservedPick): void
  /** A retry is begun: so many are under way, it included, beside so many calls. */
  retried(retries: number, calls: number): void
  /** An attempt has ended: so many are left in flight from this caller to the instance. */
  ended(caller: number, instance: string, inFlight: number): void
}

export interface ObservedPick {
  /** Callers count from 0. */
  readonly caller: number
  readonly instance: string
  readonly tried: ReadonlySet<string>
  /** All that may be chosen, by the caller's books, before this request is counted. */
  readonly candidates: readonly ObservedCandidate[]
}

export interface ObservedCandidate {
  readonly id: string
  readonly weight: number
  /** Whether traffic has shown nothing against it. */
  readonly healthy: boolean
  readonly inFlight: number
}
