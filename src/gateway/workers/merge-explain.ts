/** What several workers say on /explain, as one: route and reason are the same everywhere, the instances are seen by each. Pure. */
import type { CandidateState, GuardState } from '../../client/contract.ts'

interface Explained {
  readonly candidates?: readonly CandidateState[]
  readonly guards?: readonly GuardState[]
}

/** `bodies` are JSON, at least one. */
export function mergeExplain(bodies: readonly string[]): string {
  const all = bodies.map((body) => JSON.parse(body) as Explained)
  const { candidates, guards, ...rest } = all[0]!
  if (candidates === undefined) return JSON.stringify(rest)
  const byInstance = Map.groupBy(
    all.flatMap((one) => one.candidates ?? []),
    ({ instance: { id } }) => id,
  )
  const merged = { ...rest, candidates: [...byInstance.values()].map(together) }
  if (guards === undefined) return JSON.stringify(merged)
  const byService = Map.groupBy(
    all.flatMap((one) => one.guards ?? []),
    ({ service }) => service,
  )
  return JSON.stringify({ ...merged, guards: [...byService.values()].map(guardsTogether) })
}

/** Each has its own: counts are added; a circuit is as it is at the one that asks the least. */
function guardsTogether(states: readonly GuardState[]): GuardState {
  const sum = (count: (state: GuardState) => number) => states.reduce((total, one) => total + count(one), 0)
  const { service, circuit, bulkhead } = states[0]!
  const circuits = states.flatMap((one) => one.circuit ?? [])
  const worst = circuits.toSorted((a, b) => RANK[b.state] - RANK[a.state] || b.leftMs - a.leftMs)[0]
  const places = { calls: sum((one) => one.bulkhead?.calls ?? 0), waiting: sum((one) => one.bulkhead?.waiting ?? 0) }
  return {
    service,
    calls: sum(({ calls }) => calls),
    ...(circuit && { circuit: worst }),
    ...(bulkhead && { bulkhead: places }),
    retries: { underWay: sum(({ retries }) => retries.underWay), allowed: sum(({ retries }) => retries.allowed) },
    ...(states.some(({ panic }) => panic) && { panic: true }),
  }
}

const RANK = { closed: 0, 'half-open': 1, open: 2 } as const

/** In flight at all of them; the cost as they see it on average; eligible where every one of them may choose it. */
function together(states: readonly CandidateState[]): CandidateState {
  const out = states.find(({ eligible }) => !eligible)
  const cost = states.reduce((total, one) => total + one.cost, 0) / states.length
  return { ...(out ?? states[0]!), inFlight: states.reduce((total, one) => total + one.inFlight, 0), cost }
}
