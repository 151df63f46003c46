/** What holds calls to a service back, or would, beside the state of its instances. */
import type { CircuitState } from './circuit.ts'
import type { Policies } from './policy.ts'
import type { Upstream } from './upstream.ts'

export interface GuardState {
  readonly service: string
  /** Where the policy has one; `leftMs`: how long it stays open. */
  readonly circuit?: { readonly state: CircuitState; readonly leftMs: number } | undefined
  /** Where the policy has one: calls under way, and those that wait for their turn. */
  readonly bulkhead?: { readonly calls: number; readonly waiting: number } | undefined
  /** Retries and hedges under way, and how many the service's budget allows for now. */
  readonly retries: { readonly underWay: number; readonly allowed: number }
  /** Too few are in for health to be heeded: also those that are out may be chosen. */
  readonly panic?: true | undefined
}

export function guardState(upstream: Upstream, policy: Policies, now: number): GuardState {
  const { service, budget, compartment, circuits } = upstream
  const circuit = policy.circuit && circuits.of(policy.circuit)
  const bulkhead = policy.bulkhead && { calls: compartment.calls, waiting: compartment.waiting }
  return {
    service,
    ...(circuit && { circuit: { state: circuit.state(now), leftMs: circuit.closedIn(now) } }),
    ...(bulkhead && { bulkhead }),
    retries: { underWay: budget.underWay(), allowed: budget.allowed() },
    ...(upstream.panics(policy.balance) && { panic: true }),
  }
}
