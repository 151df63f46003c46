/**
 * Smooth weighted round robin, nginx's sequence: {5,1,1} gives `a a b a c a a`, never five in a row. State is kept by
 * endpoint id, so a membership change leaves the turns of the others as they were: in parts of a round, or one that was owed half a
 * round beside a heavy endpoint would be given hundreds of turns in a row once that has gone. Every caller begins with the heaviest
 * endpoint: with very many short-lived callers prefer `random` or `p2c`. O(log n) for a few different weights while the same ones
 * may be chosen and none of them has failed lately, else O(n).
 * Source: nginx ngx_http_upstream_round_robin.c.
 */
import type { Endpoint, PickRequest, PolicyFactory } from '../contract.ts'
import { isEligible, perSnapshot } from '../eligible.ts'
import { TurnClasses } from '../turn-classes.ts'
import { failTurn, isWhole, newTurn, nextTurn, type Turn } from '../turns.ts'

export const weightedRoundRobin: PolicyFactory = () => {
  let turns = new Map<string, Turn>()
  /** While it is there it has the current weights of those that are `among`. */
  let classes: TurnClasses | undefined
  let among: PickRequest['eligible']
  const settle = () => {
    classes?.settle()
    classes = undefined
  }
  const inOrder = perSnapshot((endpoints) => {
    settle()
    const scale = roundOf(endpoints) / roundOf([...turns.values()])
    turns = new Map(endpoints.map(({ id, weight }) => [id, newTurn(weight, turns.get(id), scale)]))
    return endpoints.map(({ id }) => turns.get(id)!)
  })
  /** Only for whom is asked for a second time: they take longer to make than one scan. */
  const classesOf = (order: readonly Turn[], endpoints: readonly Endpoint[], request: PickRequest) => {
    const { eligible } = request
    if (eligible === among && classes !== undefined) return classes
    settle()
    const isKnown = eligible === among || eligible === undefined
    among = eligible
    const inside = isKnown ? [...order.keys()].filter((index) => isEligible(endpoints[index]!, request)) : []
    if (isKnown && inside.every((index) => isWhole(order[index]!))) classes = new TurnClasses(order, inside)
    return classes
  }
  return {
    name: 'weighted-round-robin',
    pick(endpoints, request) {
      const order = inOrder(endpoints)
      const known = classesOf(order, endpoints, request)
      if (known !== undefined) return endpoints[known.next()]
      return endpoints[nextTurn(order, (index) => isEligible(endpoints[index]!, request))]
    },
    failed(id) {
      const turn = turns.get(id)
      if (turn === undefined) return
      settle()
      failTurn(turn)
    },
  }
}

/** How many picks a round takes. */
function roundOf(members: readonly { readonly weight: number }[]): number {
  return members.reduce((sum, { weight }) => sum + weight, 0)
}
