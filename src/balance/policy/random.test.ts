import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { countPicks, endpoint, fiveSigma, SEED } from '../kit.suite.ts'
import { random } from './random.ts'

const DRAWS = 100_000

describe('random', () => {
  for (const left of [['a', 'b', 'c', 'd'], ['a', 'd'], ['b']]) {
    it(`draws by weight among ${left}`, () => {
      const list = [endpoint('a', 5), endpoint('b', 1), endpoint('c', 100), endpoint('d', 3)]
      const policy = random({ random: seeded(SEED) })
      const counts = countPicks(DRAWS, () => policy.pick(list, { eligible: ({ id }) => left.includes(id) }))
      const weights = list.filter(({ id }) => left.includes(id)).reduce((sum, { weight }) => sum + weight, 0)
      for (const { id, weight } of list) {
        const share = left.includes(id) ? weight / weights : 0
        const count = counts.get(id) ?? 0
        assert.ok(Math.abs(count - share * DRAWS) <= fiveSigma(DRAWS, share), `${id}: ${count}`)
      }
    })
  }
})
