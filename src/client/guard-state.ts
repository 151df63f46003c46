/** What holds calls to a service back, or would, beside the state of its instances. */
import type { GuardState } from './inspection.ts'
import type { Policies } from './policy.ts'
import type { Upstream } from './upstream.ts'

export function guardState(upstream: Upstream, policy: Policies, now: number): GuardState {
  const { service, budget, compartment, circuits } = upstream
  const circuit = policy.circuit && circuits.of(policy.circuit)
  const bulkhead = policy.bulkhead && { calls: compartment.calls, waiting: compartment.waiting }
  return {
    service,
    calls: budget.calls(),
    ...(circuit && { circuit: { state: circuit.state(now), leftMs: circuit.closedIn(now) } }),
    ...(bulkhead && { bulkhead }),
    retries: { underWay: budget.underWay(), allowed: budget.allowed() },
    ...(upstream.panics(policy.balance) && { panic: true }),
  }
}
