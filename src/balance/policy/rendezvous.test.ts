import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seeded } from '../../core/random.ts'
import { countPicks, endpoint, endpointsOf, fiveSigma, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { rendezvous } from './rendezvous.ts'

type Rows = [key: string, hash: string, winner: string][]
const file = vectors<{
  cases: { servers: NamedServer[]; expectedShares: Record<string, number> }[]
  envoyCompatible: { equal: { servers: string[]; rows: Rows }; weighted: { servers: NamedServer[]; rows: Rows } }
  mustNotLookLikeThis: { servers: string[] }
}>('rendezvous')
const make = () => rendezvous({ random: seeded(SEED) })

describe('rendezvous', () => {
  const { equal, weighted } = file.envoyCompatible
  const lists = [
    { list: equal.servers.map((name) => endpoint(name)), rows: equal.rows },
    { list: endpointsOf(weighted.servers), rows: weighted.rows },
  ]
  for (const { list, rows } of lists) {
    it(`chooses as Envoy does among ${list.map(({ key, weight }) => `${key}=${weight}`).join(' ')}`, () => {
      const policy = make()
      for (const [hashKey, , winner] of rows.filter(([key]) => key !== '')) {
        assert.equal(policy.pick(list, { hashKey })?.key, winner, hashKey)
      }
    })
  }

  for (const { servers, expectedShares } of file.cases) {
    it(`gives shares by weight: ${JSON.stringify(expectedShares)}`, () => {
      const list = endpointsOf(servers)
      const policy = make()
      let i = 0
      const counts = countPicks(20_000, () => policy.pick(list, { hashKey: `k${i++}` }))
      for (const [name, share] of Object.entries(expectedShares)) {
        const count = counts.get(name) ?? 0
        assert.ok(Math.abs(count - share * 20_000) <= fiveSigma(20_000, share), `${name}: ${count}`)
      }
    })
  }

  it('gives fair shares to names that differ in the last character only', () => {
    const list = file.mustNotLookLikeThis.servers.map((name) => endpoint(name))
    const policy = make()
    let i = 0
    const counts = countPicks(20_000, () => policy.pick(list, { hashKey: `10.1.${i >> 8}.${i++ & 255}` }))
    for (const { id } of list) {
      const count = counts.get(id) ?? 0
      assert.ok(count >= 1800 && count <= 2200, `${id}: ${count}`)
    }
  })

  it('moves the keys of a removed endpoint only, whatever the weights and the order', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 8 })
    const property = fc.property(weights, fc.array(fc.string({ minLength: 1 })), fc.nat(), (list, keys, which) => {
      const all = list.map((weight, i) => endpoint(`h${i}:80`, weight))
      const gone = all[which % all.length]!
      const left = all.filter((one) => one !== gone).reverse()
      const [before, after] = [make(), make()]
      for (const hashKey of keys) {
        const owner = before.pick(all, { hashKey })
        const next = after.pick(left, { hashKey })
        if (owner !== gone) assert.equal(next, owner)
        else assert.equal(before.pick(all, { hashKey, eligible: (one) => one !== gone }), next)
      }
    })
    fc.assert(property, { seed: SEED })
  })
})
