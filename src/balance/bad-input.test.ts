/** What nobody should hand to a policy, and somebody will: whatever it is, who is chosen is there, and it takes bounded time and memory. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../core/clock.ts'
import { seeded } from '../core/random.ts'
import type { PolicyName } from './contract.ts'
import { endpoint, endpoints, SEED } from './kit.suite.ts'
import { POLICIES } from './policies.ts'

const NAMES = Object.keys(POLICIES) as PolicyName[]
const make = (name: PolicyName) => POLICIES[name]({ random: seeded(SEED), clock: systemClock })
/** Whose choice depends on the key alone. */
const BY_KEY: readonly PolicyName[] = ['ring-hash', 'envoy-ring-hash', 'maglev', 'rendezvous']
/** And who moves none but the keys of one that goes, of however few (Envoy's ring gives the few that are left more points). */
const STABLE: readonly PolicyName[] = ['ring-hash', 'rendezvous']

describe('bad input', () => {
  for (const name of NAMES) {
    it(`${name}: 100,000 instances, one of which goes`, () => {
      const policy = make(name)
      const all = endpoints(100_000)
      const first = policy.pick(all, { hashKey: '10.1.2.3' })
      const left = all.filter((one) => one !== first)
      const second = policy.pick(left, { hashKey: '10.1.2.3' })
      assert.ok(first !== undefined && second !== undefined && left.includes(second))
    })

    it(`${name}: weights as large as they may be, beside small ones`, () => {
      const list = [1, 65_535, 2 ** 31 - 1, 3, Number.MAX_SAFE_INTEGER].map((weight, i) => endpoint(`h${i}:80`, weight))
      const policy = make(name)
      for (let i = 0; i < 300; i++) {
        const [eligible, hashKey] = [i % 3 === 0 ? (one: object) => one !== list[4] : undefined, `10.0.${i}.1`]
        assert.ok(list.includes(policy.pick(list, { hashKey, eligible })!))
      }
    })

    it(`${name}: a request without a key, or with an empty one, is chosen for as well`, () => {
      const list = endpoints(5)
      const policy = make(name)
      for (const hashKey of [undefined, '']) {
        const eligible = (one: object) => one === list[3]
        assert.equal(policy.pick(list, { hashKey, eligible }), list[3])
        assert.equal(policy.pick([], { hashKey }), undefined)
        assert.equal(policy.pick(list, { hashKey, eligible: () => false }), undefined)
      }
    })

    it(`${name}: names and keys of any characters, half a surrogate pair among them`, () => {
      const text = fc.string({ unit: 'binary', maxLength: 80 })
      const loose = fc.oneof(text, fc.constantFrom('', '\ud800', 'é', 'e\u0301', '日本語', '\0', '__proto__'))
      const names = fc.uniqueArray(loose, { minLength: 2, maxLength: 6 })
      const property = fc.property(names, fc.array(loose, { maxLength: 10 }), (ids, keys) => {
        const list = ids.map((id) => endpoint(id))
        const [policy, twin] = [make(name), make(name)]
        const left = list.slice(1)
        for (const hashKey of keys) {
          const chosen = policy.pick(list, { hashKey })
          assert.ok(chosen !== undefined && list.includes(chosen))
          assert.equal(twin.pick(list, { hashKey }), chosen)
          if (!BY_KEY.includes(name) || hashKey === '') continue
          assert.equal(policy.pick(list, { hashKey }), chosen)
          const after = make(name).pick(left, { hashKey })
          if (STABLE.includes(name) && chosen !== list[0] && areApart(ids)) assert.equal(after, chosen)
        }
      })
      fc.assert(property, { seed: SEED, numRuns: 60 })
    })
  }
})

/** Half a pair is written in UTF-8 as any other half is: two such names are one to a hash. */
function areApart(names: readonly string[]): boolean {
  return new Set(names.map((name) => name.toWellFormed())).size === names.length
}
