/** Who wins a key in weighted rendezvous: of all scores -weight / ln(u), u being what the endpoint draws for the key, the highest. */
import { Draws } from './draws.ts'
import type { TableKeeper } from './hash-policy.ts'
import { RecentWinners } from './recent-winners.ts'

/** From so many on it takes longer to look for a winner than to remember the recent ones. */
const REMEMBER_FROM = 256

export const rendezvousTables: TableKeeper = () => {
  let recent: RecentWinners | undefined
  return (endpoints) => {
    const draws = new Draws(endpoints)
    recent = endpoints.length < REMEMBER_FROM ? undefined : (recent ?? new RecentWinners())
    recent?.clear()
    return {
      find(key, admits) {
        const hash = draws.setKey(key)
        const known = recent?.get(hash) ?? -1
        const winner = known >= 0 ? known : winnerOf(draws)
        if (winner !== known) recent?.set(hash, winner)
        if (winner < 0 || admits === undefined || admits(endpoints[winner]!)) return winner
        return winnerOf(draws, (index) => admits(endpoints[index]!))
      },
    }
  }
}

/**
 * Index of the highest score of those admitted, or -1. Of equal weights the highest number has it, so the logarithm is taken once for each
 * weight and not for each endpoint. Nor is a number looked at that is too low, for its weight, to come up to the best score so far.
 */
function winnerOf(draws: Draws, admits?: (index: number) => boolean): number {
  let best = -1
  let bestScore = 0
  for (const one of draws.classes) {
    const first = draws.best(one, drawnFor(bestScore, one.weight), admits)
    if (first < 0) continue
    const score = scoreOf(draws.highest, one.weight)
    if (score < bestScore || (score === bestScore && best >= 0 && first > best)) continue
    best = first
    bestScore = score
  }
  return best
}

const NUMBERS = 2 ** 53

function scoreOf(drawn: number, weight: number): number {
  return -weight / Math.log(drawn / NUMBERS)
}

/** A number a little lower than any that scores so much; the little is more than what rounding may do. */
function drawnFor(score: number, weight: number): number {
  return score === 0 ? -1 : Math.exp(-weight / score) * NUMBERS * (1 - 1e-9) - 1
}
