/** Why a request takes the route it takes, and why not the others. Pure. */
import { conditionMismatch, PRECEDENCE, placeMismatch, type Route, type RouteRequest } from './routes.ts'

export interface Explanation<R extends Route = Route> {
  /** The route taken; undefined = 404. */
  readonly route: R | undefined
  readonly why: string
  /** All other routes in their order of precedence. */
  readonly others: readonly { readonly route: R; readonly matches: boolean; readonly why: string }[]
}

/**
 * Looks at every route, best first: slower than `RouteTable.match` and without its index, so that it can also judge it.
 * `routes` are in order of precedence, as `RouteTable.routes` gives them.
 */
export function explain<R extends Route>(routes: readonly R[], request: RouteRequest): Explanation<R> {
  const judged = routes.map((route) => ({
    route,
    problem: placeMismatch(route, request) ?? conditionMismatch(route, request),
  }))
  const winner = judged.find(({ problem }) => problem === undefined)?.route
  const others = judged
    .filter(({ route }) => route !== winner)
    .map(({ route, problem }) => ({
      route,
      matches: problem === undefined,
      why: problem ?? `matches, but ${winner!.name} comes first: ${advantage(winner!, route)}`,
    }))
  return { route: winner, why: reason(winner, others.find(({ matches }) => matches)?.route), others }
}

function reason(winner: Route | undefined, second: Route | undefined): string {
  if (winner === undefined) return 'no route matches'
  if (second === undefined) return 'the only route that matches'
  return `the best of those that match: ${advantage(winner, second)} (next: ${second.name})`
}

function advantage(winner: Route, other: Route): string {
  return PRECEDENCE.find(({ compare }) => compare(winner, other) !== 0)!.why
}
