/** What a caller says of the way of a request, as it is now: for `explain`. */
import type { Instance } from '../discovery/contract.ts'
import type { CircuitState } from './circuit.ts'
import type { Protocol } from './protocol.ts'

export interface CandidateState {
  readonly instance: Instance
  readonly inFlight: number
  readonly cost: number
  readonly eligible: boolean
  /** Why it is not eligible, or what speaks against it: `registry says critical`, `ejected: 5 failures in a row`, `silent for 1.2 s`, `outside zone a` … */
  readonly reason?: string | undefined
  /** Where it is not HTTP/1.1, as the instance says. */
  readonly protocol?: Protocol | undefined
  /** While the registry does not confirm the candidates: when it last did, wall-clock ms. */
  readonly confirmedAt?: number | undefined
}

/** What holds calls to a service back, or would, beside its instances. */
export interface GuardState {
  readonly service: string
  /** Calls under way. */
  readonly calls: number
  /** Where the policy has one; `leftMs`: how long it stays open. */
  readonly circuit?: { readonly state: CircuitState; readonly leftMs: number } | undefined
  /** Where the policy has one: calls under way, and those that wait for their turn. */
  readonly bulkhead?: { readonly calls: number; readonly waiting: number } | undefined
  /** Retries and hedges under way, and how many the service's budget allows for now. */
  readonly retries: { readonly underWay: number; readonly allowed: number }
  /** Too few are in for health to be heeded: also those that are out may be chosen. */
  readonly panic?: true | undefined
}
