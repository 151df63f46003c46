import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import { countPicks, endpoint, endpoints, fiveSigma, fixedLoad, SEED, vectors } from '../kit.suite.ts'
import { p2c } from './p2c.ts'

interface P2cCase {
  readonly servers: number
  readonly draws: number
  readonly expectedPerPair: number
  readonly chiSquare: { readonly failAbove: number | null }
  readonly shareByLoadRankDistinctLoads: readonly number[]
}

const { cases } = vectors<{ cases: P2cCase[] }>('p2c')

/** How often each pair had its loads read together, over endpoints of which only `servers` are eligible. */
function pairCounts(servers: number, outsiders: number, draws: number): Map<string, number> {
  let read: string[] = []
  const make = (name: string): Endpoint =>
    endpoint(
      name,
      1,
      fixedLoad(1, () => read.push(name)),
    )
  const list = Array.from({ length: servers + outsiders }, (_, i) => make(`s${i}`))
  const inside = new Set(list.slice(0, servers))
  const policy = p2c({ random: seeded(SEED) })
  const request = outsiders === 0 ? {} : { eligible: (one: Endpoint) => inside.has(one) }
  const counts = new Map<string, number>()
  for (let i = 0; i < draws; i++) {
    read = []
    policy.pick(list, request)
    const pair = read.sort().join('+')
    counts.set(pair, (counts.get(pair) ?? 0) + 1)
  }
  return counts
}

function chiSquare(counts: Map<string, number>, expected: number): number {
  return [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

describe('p2c', () => {
  for (const { servers, draws, expectedPerPair, chiSquare: limit } of cases) {
    for (const outsiders of [0, 2, servers * 3]) {
      it(`lets all pairs of ${servers} meet equally often beside ${outsiders} that are not eligible`, () => {
        const counts = pairCounts(servers, outsiders, draws)
        assert.equal(counts.size, (servers * (servers - 1)) / 2)
        const value = chiSquare(counts, expectedPerPair)
        assert.ok(value <= (limit.failAbove ?? 0), `chi-square ${value} of ${JSON.stringify([...counts])}`)
      })
    }
  }

  for (const { servers, shareByLoadRankDistinctLoads: shares } of cases) {
    it(`gives ${servers} endpoints shares by the rank of their load, the worst none`, () => {
      const list = shares.map((_, rank) => endpoint(`rank ${rank}`, 1, fixedLoad(rank)))
      const policy = p2c({ random: seeded(SEED) })
      const counts = countPicks(50_000, () => policy.pick(list, {}))
      for (const [rank, share] of shares.entries()) {
        const count = counts.get(`rank ${rank}`) ?? 0
        assert.ok(Math.abs(count - share * 50_000) <= fiveSigma(50_000, share), `rank ${rank}: ${count}`)
      }
    })
  }

  for (const n of [2, 4, 6]) {
    it(`is uniform over ${n} endpoints of equal load`, () => {
      const list = endpoints(n)
      const policy = p2c({ random: seeded(SEED) })
      const counts = countPicks(60_000, () => policy.pick(list, {}))
      for (const { id } of list) {
        assert.ok(Math.abs((counts.get(id) ?? 0) - 60_000 / n) <= fiveSigma(60_000, 1 / n), `${id}: ${counts.get(id)}`)
      }
    })
  }

  it('compares cost per weight', () => {
    const list = [endpoint('small', 1, fixedLoad(3)), endpoint('large', 4, fixedLoad(8))]
    const policy = p2c({ random: seeded(SEED) })
    assert.deepEqual([...countPicks(100, () => policy.pick(list, {}))], [['large', 100]])
  })

  it('asks for eligibility of two only, however many there are', () => {
    let asked = 0
    const list = endpoints(10_000)
    p2c({ random: seeded(SEED) }).pick(list, { eligible: () => ++asked > 0 })
    assert.equal(asked, 2)
  })
})
