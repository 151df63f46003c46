import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { below, seeded } from '../../core/random.ts'
import type { Endpoint, PickRequest } from '../contract.ts'
import { xxHash64 } from '../hash/xxhash64.ts'
import { countPicks, endpoint, endpointsOf, fiveSigma, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { rendezvous } from './rendezvous.ts'

type Rows = [key: string, hash: string, winner: string][]
const file = vectors<{
  cases: { servers: NamedServer[]; expectedShares: Record<string, number> }[]
  envoyCompatible: { equal: { servers: string[]; rows: Rows }; weighted: { servers: NamedServer[]; rows: Rows } }
  mustNotLookLikeThis: { servers: string[] }
}>('rendezvous')
const make = () => rendezvous({ random: seeded(SEED) })

/** Each endpoint's score one after the other, in 64-bit arithmetic. */
function byDefinition(endpoints: readonly Endpoint[], { hashKey = '', eligible = () => true }: PickRequest) {
  const score = ({ key, weight }: Endpoint) => {
    let drawn = xxHash64(hashKey).toBigInt() ^ xxHash64(key).toBigInt()
    drawn ^= drawn >> 12n
    drawn = BigInt.asUintN(64, drawn ^ (drawn << 25n))
    drawn = ((drawn ^ (drawn >> 27n)) * 0x2545f4914f6cdd1dn) & (2n ** 53n - 1n)
    return -weight / Math.log(Number(drawn) / 2 ** 53)
  }
  const left = endpoints.filter(eligible).map((one) => ({ one, score: score(one) }))
  return left.reduce((best, next) => (next.score > best.score ? next : best)).one
}

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

  it('chooses among hundreds as the definition says, for keys that come again and whoever may be chosen', () => {
    const random = seeded(SEED)
    const all = Array.from({ length: 700 }, (_, i) => endpoint(`h${i}:80`, [1, 1, 1, 2, 9, 250][below(random, 6)]))
    const lists = [all, all.filter((_, i) => i % 5 !== 3), all.slice(0, 300)]
    const out = new Set(all.filter(() => random() < 0.3))
    const eligible = (one: Endpoint) => !out.has(one)
    const policies = lists.map(make)
    for (let i = 0; i < 120; i++) {
      const hashKey = `key ${below(random, 60)}`
      for (const [which, list] of lists.entries()) {
        const request = { hashKey, eligible: random() < 0.5 ? eligible : undefined }
        assert.equal(policies[which]!.pick(list, request)?.id, byDefinition(list, request)?.id, `seed ${SEED}`)
      }
    }
  })

  it('forgets whom a key went to when the members change', () => {
    const all = Array.from({ length: 400 }, (_, i) => endpoint(`h${i}:80`))
    const policy = make()
    for (const list of [all, all.slice(1), all.slice(100), all]) {
      for (let i = 0; i < 20; i++) {
        const hashKey = `key ${i}`
        assert.equal(policy.pick(list, { hashKey })?.id, byDefinition(list, { hashKey })?.id)
      }
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
