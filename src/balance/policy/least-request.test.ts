import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import type { Endpoint, Load } from '../contract.ts'
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

  it('chooses in a large fleet as in a small one, whatever begins and ends, and whoever else chooses from it', () => {
    const random = seeded(SEED)
    const list = Array.from({ length: 100 }, (_, i) => endpoint(`10.0.0.${i}:80`, 1 + (i % 3)))
    const [one, other] = [leastRequest({ random }), leastRequest({ random })]
    const begun: Endpoint[] = []
    for (let step = 0; step < 3000; step++) {
      const gone = new Set(Array.from({ length: step % 7 }, () => list[Math.floor(random() * list.length)]))
      const eligible = gone.size === 0 ? undefined : (endpoint: Endpoint) => !gone.has(endpoint)
      const chosen = (step % 5 === 0 ? other : one).pick(list, { eligible })!
      const cost = ({ load, weight }: Endpoint) => load.cost() / weight
      assert.equal(cost(chosen), Math.min(...list.filter((endpoint) => !gone.has(endpoint)).map(cost)))
      chosen.load.begin()
      begun.push(chosen)
      while (begun.length > 0 && random() < 0.45) {
        begun.splice(Math.floor(random() * begun.length), 1)[0]!.load.end(1)
      }
    }
  })

  it('does not begin anew with each pick where two choose from the same loads in turn', () => {
    let observed = 0
    const list = endpoints(50).map((one) => {
      const observe: NonNullable<Load['observe']> = (observer, index) => {
        observed++
        one.load.observe!(observer, index)
      }
      const { load } = one
      return { ...one, load: { inFlight: 0, cost: () => load.cost(), begin() {}, end() {}, forget() {}, observe } }
    })
    const both = [1, 2].map((seed) => leastRequest({ random: seeded(seed) }))
    for (let i = 0; i < 1000; i++) both[i % 2]!.pick(list, {})
    assert.ok(observed <= 1000 + 2 * list.length, `asked ${observed} times to be told`)
  })

  it('draws fairly among equals of any weight in a large fleet', () => {
    const list = Array.from({ length: 40 }, (_, i) => endpoint(`10.0.0.${i}:80`, 1 + (i % 2)))
    // Cost 1 per weight: two requests with weight 2 are one with weight 1.
    for (const { load, weight } of list) if (weight === 2) load.begin()
    const policy = leastRequest({ random: seeded(SEED) })
    const counts = countPicks(80_000, () => policy.pick(list, {}))
    assert.equal(counts.size, 40)
    for (const [id, count] of counts) assert.ok(Math.abs(count - 2000) <= fiveSigma(80_000, 1 / 40), `${id}: ${count}`)
  })

  it('goes on when a cost is no number', () => {
    const list = endpoints(2).map((one) => ({ ...one, load: fixedLoad(Number.NaN) }))
    assert.ok(leastRequest({ random: seeded(SEED) }).pick(list, {}))
  })
})
