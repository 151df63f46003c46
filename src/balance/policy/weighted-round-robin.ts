/**
 * Smooth weighted round robin, nginx's sequence: {5,1,1} gives `a a b a c a a`, never five in a row. State is kept by
 * endpoint id, so a membership change leaves the turns of the others as they were. Every caller begins with the heaviest
 * endpoint: with very many short-lived callers prefer `random` or `p2c`. O(log n) for a few different weights while all may
 * be chosen and none has failed lately, else O(n).
 * Source: nginx ngx_http_upstream_round_robin.c.
 */
import type { PolicyFactory } from '../contract.ts'
import { isEligible, perSnapshot } from '../eligible.ts'
import { type Turn, TurnClasses } from '../turn-classes.ts'

export const weightedRoundRobin: PolicyFactory = () => {
  let turns = new Map<string, Turn>()
  /** While it is there it has the current weights. */
  let classes: TurnClasses | undefined
  const settle = () => {
    classes?.settle()
    classes = undefined
  }
  const inOrder = perSnapshot((endpoints) => {
    settle()
    turns = new Map(endpoints.map(({ id, weight }) => [id, newTurn(weight, turns.get(id))]))
    return endpoints.map(({ id }) => turns.get(id)!)
  })
  return {
    name: 'weighted-round-robin',
    pick(endpoints, request) {
      const order = inOrder(endpoints)
      if (request.eligible === undefined && (classes !== undefined || order.every(isWhole))) {
        classes ??= new TurnClasses(order)
        return endpoints[classes.next()]
      }
      settle()
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

function isWhole({ weight, effective }: Turn): boolean {
  return effective === weight
}

export function newTurn(weight: number, before?: Turn): Turn {
  const lost = before === undefined ? 0 : before.weight - before.effective
  return { weight, current: before?.current ?? 0, effective: Math.max(0, weight - lost) }
}

/** Index of the one whose turn it is, or -1. One that is not eligible is passed over and keeps its current weight. */
export function nextTurn(turns: readonly Turn[], eligible: (index: number) => boolean): number {
  let best = -1
  let total = 0
  for (let index = 0; index < turns.length; index++) {
    if (!eligible(index)) continue
    const turn = turns[index]!
    turn.current += turn.effective
    total += turn.effective
    if (turn.effective < turn.weight) turn.effective++
    if (best < 0 || turn.current > turns[best]!.current) best = index
  }
  if (best >= 0) turns[best]!.current -= total
  return best
}

/** Lowers the effective weight after a failure; with `maxFails` 1 (nginx's default) to zero. */
export function failTurn(turn: Turn, maxFails = 1): void {
  turn.effective = Math.max(0, turn.effective - Math.floor(turn.weight / maxFails))
}
