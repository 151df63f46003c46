/** What several workers say on /explain, as one: route and reason are the same everywhere, the instances are seen by each. Pure. */
import type { CandidateState } from '../../client/contract.ts'

interface Explained {
  readonly candidates?: readonly CandidateState[]
}

/** `bodies` are JSON, at least one. */
export function mergeExplain(bodies: readonly string[]): string {
  const all = bodies.map((body) => JSON.parse(body) as Explained)
  const { candidates, ...rest } = all[0]!
  if (candidates === undefined) return JSON.stringify(rest)
  const byInstance = Map.groupBy(
    all.flatMap((one) => one.candidates ?? []),
    ({ instance: { id } }) => id,
  )
  return JSON.stringify({ ...rest, candidates: [...byInstance.values()].map(together) })
}

/** In flight at all of them; the cost as they see it on average; eligible where every one of them may choose it. */
function together(states: readonly CandidateState[]): CandidateState {
  const out = states.find(({ eligible }) => !eligible)
  const cost = states.reduce((total, one) => total + one.cost, 0) / states.length
  return { ...(out ?? states[0]!), inFlight: states.reduce((total, one) => total + one.inFlight, 0), cost }
}
