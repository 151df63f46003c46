import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { countPicks, endpoint, endpoints, fiveSigma, fixedLoad, SEED } from '../kit.suite.ts'
import { leastRequest } from './least-request.ts'

describe('least request', () => {
  it('takes the lowest cost per weight', () => {
    const list = [endpoint('a', 1, fixedLoad(3)), endpoint('b', 4, fixedLoad(8)), endpoint('c', 1, fixedLoad(2.5))]
    const policy = leastRequest({ random: seeded(SEED) })
    assert.equal(policy.pick(list, {})?.id, 'b')
    assert.equal(policy.pick(list, { eligible: ({ id }) => id !== 'b' })?.id, 'c')
  })

  it('draws fairly among equals, wherever they stand', () => {
    const list = [1, 0, 0, 2, 0].map((cost, i) => endpoint(`${i}`, 1, fixedLoad(cost)))
    const policy = leastRequest({ random: seeded(SEED) })
    const counts = countPicks(90_000, () => policy.pick(list, {}))
    assert.deepEqual([...counts.keys()].sort(), ['1', '2', '4'])
    for (const [id, count] of counts) {
      assert.ok(Math.abs(count - 30_000) <= fiveSigma(90_000, 1 / 3), `${id}: ${count}`)
    }
  })

  it('fills idle endpoints in proportion to their weights', () => {
    const list = [endpoint('a', 4), endpoint('b', 2), endpoint('c', 1)]
    const policy = leastRequest({ random: seeded(SEED) })
    for (let i = 0; i < 70; i++) policy.pick(list, {})?.load.begin()
    assert.deepEqual(
      list.map(({ load }) => load.inFlight),
      [40, 20, 10],
    )
  })

  it('goes on when a cost is no number', () => {
    const list = endpoints(2).map((one) => ({ ...one, load: fixedLoad(Number.NaN) }))
    assert.ok(leastRequest({ random: seeded(SEED) }).pick(list, {}))
  })
})
