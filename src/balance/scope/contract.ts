/**
 * A scope narrows the choice before a policy chooses: own zone first, the subset of a version, the level of priority. It divides
 * the endpoints into parts once for each snapshot; for each request it says which parts are asked, one after the other,
 * until one has an eligible endpoint. Each part has a policy object of its own, so its turns and tables are kept.
 */
import type { Endpoint, PolicyFactory, PolicyOptions } from '../contract.ts'

export interface Part {
  readonly name: string
  readonly members: readonly Endpoint[]
}

/** A part to be asked; in panic its members' health is ignored. */
export interface Ask {
  readonly part: Part
  readonly panic?: boolean
}

export interface Scope {
  parts(endpoints: readonly Endpoint[]): readonly Part[]
  /** `healthy` is false for those that traffic has shown to be dead. */
  asked(parts: readonly Part[], healthy: IsHealthy): readonly Ask[]
  /** How often each part is asked first, in any unit; 0 = only when there is nobody elsewhere. For `explain`. */
  shares(parts: readonly Part[], healthy: IsHealthy): readonly number[]
}

export type IsHealthy = (endpoint: Endpoint) => boolean

export type ScopeFactory = (options: PolicyOptions) => Scope

/** What makes one policy of another: the same choice among fewer. */
export type Narrowing = (inner: PolicyFactory) => PolicyFactory
