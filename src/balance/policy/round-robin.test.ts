import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { countPicks, endpoints, SEED } from '../kit.suite.ts'
import { roundRobin } from './round-robin.ts'

describe('round robin', () => {
  it('starts at a random place and then takes turns', () => {
    const list = endpoints(5)
    const starts = new Set<unknown>()
    for (let seed = SEED; seed < SEED + 100; seed++) {
      const policy = roundRobin({ random: seeded(seed) })
      const round = Array.from({ length: 5 }, () => policy.pick(list, {}))
      assert.equal(new Set(round).size, 5)
      assert.equal(policy.pick(list, {}), round[0])
      starts.add(round[0])
    }
    assert.equal(starts.size, 5)
  })

  it('does not give the turns of an ineligible endpoint to its neighbour', () => {
    const list = endpoints(4)
    const policy = roundRobin({ random: seeded(SEED) })
    const counts = countPicks(300, () => policy.pick(list, { eligible: (one) => one !== list[1] }))
    assert.deepEqual(
      list.map(({ id }) => counts.get(id)),
      [100, undefined, 100, 100],
    )
  })
})
