/**
 * A weighted draw: each endpoint's chance is its weight over the sum. O(1) by an alias table: of n columns of equal height each holds
 * a part of one endpoint and fills up with another, so one number says the column and where in it.
 * Source: Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", IEEE TSE 17(9), 1991.
 */
import { below, type Random } from '../../core/random.ts'
import type { Endpoint, PolicyFactory } from '../contract.ts'
import { eligibleOf, isEligible, lowerBound, perSnapshot, runningSums } from '../eligible.ts'

/** Draws before the eligible ones are listed, which costs far more. Throwing a refused draw away keeps the shares of the others. */
const DRAWS = 16

export const random: PolicyFactory = ({ random }) => {
  const columns = perSnapshot(columnsOf)
  return {
    name: 'random',
    pick(endpoints, request) {
      const table = columns(endpoints)
      if (request.eligible === undefined) return endpoints[drawIndex(table, endpoints.length, random)]
      for (let draw = 0; draw < DRAWS && endpoints.length > 0; draw++) {
        const endpoint = endpoints[drawIndex(table, endpoints.length, random)]!
        if (isEligible(endpoint, request)) return endpoint
      }
      const left = eligibleOf(endpoints, request)
      const sums = runningSums(left)
      return left[lowerBound(sums, below(random, sums.at(-1) ?? 0) + 1)]
    },
  }
}

/** Of each column, how much is its own endpoint's, from 0 to 1, and whose the rest is. */
interface Columns {
  readonly own: Float64Array
  readonly other: Uint32Array
}

/** undefined where all weights are equal: then each column is whole. */
function columnsOf(endpoints: readonly Endpoint[]): Columns | undefined {
  if (endpoints.every(({ weight }) => weight === endpoints[0]!.weight)) return undefined
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const own = Float64Array.from(endpoints, ({ weight }) => (weight * endpoints.length) / weights)
  const other = new Uint32Array(endpoints.length)
  const [low, high]: [number[], number[]] = [[], []]
  for (const [index, part] of own.entries()) (part < 1 ? low : high).push(index)
  while (low.length > 0 && high.length > 0) {
    const [less, more] = [low.pop()!, high.pop()!]
    other[less] = more
    own[more]! -= 1 - own[less]!
    ;(own[more]! < 1 ? low : high).push(more)
  }
  // What rounding has left over is whole.
  for (const index of [...low, ...high]) own[index] = 1
  return { own, other }
}

function drawIndex(columns: Columns | undefined, count: number, random: Random): number {
  const place = random() * count
  const column = place >>> 0
  return columns === undefined || place - column < columns.own[column]! ? column : columns.other[column]!
}
