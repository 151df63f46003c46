/**
 * Power of two choices: draw two different endpoints, take the one with the lower cost per weight; O(1).
 * Two draws without replacement as in Finagle: the second skips over the first. Taking the neighbour on a clash would make
 * neighbours meet too often; drawing with replacement would let the worst endpoint win 1/n² of the time.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
 */
import type { Random } from '../../core/random.ts'
import type { Endpoint, PickRequest, PolicyFactory } from '../contract.ts'
import { eligibleOf, Refused } from '../eligible.ts'

/** Draws before the eligible ones are listed, which costs far more. A refused pair is thrown away whole, so pairs of eligible ones stay uniform. */
const DRAWS = 16

export const p2c: PolicyFactory = ({ random }) => {
  const refused = new Refused(DRAWS)
  return {
    name: 'p2c',
    pick(endpoints, request) {
      refused.count = 0
      for (let draw = 0; draw < DRAWS && endpoints.length > 1; draw++) {
        const chosen = drawTwo(endpoints, random, request, refused)
        if (chosen !== undefined) return chosen
      }
      const left = eligibleOf(endpoints, request, refused)
      return left.length > 1 ? drawTwo(left, random, { ...request, eligible: undefined }, refused) : left[0]
    },
  }
}

/** The cheaper of two; undefined where one of them is not eligible. The first wins a tie, which is fair because it is uniform. */
function drawTwo<E extends Endpoint>(
  endpoints: readonly E[],
  random: Random,
  request: PickRequest,
  refused: Refused,
): E | undefined {
  // One number for both: what is left of it behind the first is as good as another.
  const place = random() * endpoints.length
  const first = place >>> 0
  const rest = ((place - first) * (endpoints.length - 1)) >>> 0
  // Skips over the first without a branch: half of them would be guessed wrongly, which takes as long as all the rest.
  const second = rest + 1 + ((rest - first) >> 31)
  const a = endpoints[first]!
  const b = endpoints[second]!
  if (request.eligible !== undefined && refused.isEither(a, first, b, second, request.eligible)) return undefined
  const { now } = request
  return b.load.cost(now) * a.weight < a.load.cost(now) * b.weight ? b : a
}
