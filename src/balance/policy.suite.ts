/** What every policy must keep, whatever its algorithm. policies.test.ts runs it for each entry of POLICIES. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seeded } from '../core/random.ts'
import type { Endpoint, Policy, PolicyFactory } from './contract.ts'
import { endpoint, endpoints, fixedLoad, SEED } from './kit.suite.ts'

const weights = fc.integer({ min: 1, max: 20 })
const costs = fc.oneof(fc.constant(0), fc.constant(Number.NaN), fc.double({ min: 0, max: 1e9, noNaN: true }))
const someEndpoints = fc
  .array(fc.tuple(weights, costs), { maxLength: 12 })
  .map((list) => list.map(([weight, cost], i) => endpoint(`host-${i}:80`, weight, fixedLoad(cost))))
const hashKey = fc.option(fc.string(), { nil: undefined })

/** What holds for a policy within scopes as well, which may leave some endpoints out. */
export function scopeSuite(name: string, factory: PolicyFactory): void {
  const make = (seed = SEED) => factory({ random: seeded(seed) })

  describe(`policy ${name}`, () => {
    it('has no choice among none', () => {
      const policy = make()
      assert.equal(policy.pick([], {}), undefined)
      assert.equal(policy.pick([], { hashKey: 'k', eligible: () => true }), undefined)
    })

    it('takes a single one, unless it is not eligible', () => {
      const only = [endpoint('a:1')]
      const policy = make()
      for (let i = 0; i < 20; i++) assert.equal(policy.pick(only, { hashKey: `k${i}` }), only[0])
      assert.equal(policy.pick(only, { hashKey: 'k', eligible: () => false }), undefined)
      assert.equal(policy.pick(only, { hashKey: 'k' }), only[0])
    })

    it('chooses an eligible member if and only if there is one', () => {
      const property = fc.property(someEndpoints, fc.array(fc.nat(11)), fc.array(hashKey), (list, out, keys) => {
        const refused = new Set(out.map((i) => list[i]))
        const policy = make()
        for (const key of [undefined, 'k', ...keys]) checkPick(policy, list, refused, key)
      })
      fc.assert(property, { seed: SEED, numRuns: 200 })
    })

    it('survives any change of members, and chooses only present ones', () => {
      const changes = fc.array(fc.subarray(Array.from({ length: 12 }, (_, i) => i)), { minLength: 1, maxLength: 20 })
      const property = fc.property(changes, weights, (steps, weight) => {
        const all = Array.from({ length: 12 }, (_, i) => endpoint(`host-${i}:80`, ((weight + i) % 7) + 1))
        const policy = make()
        for (const members of steps) {
          const list = members.map((i) => all[i]!)
          for (let i = 0; i < 5; i++) checkPick(policy, list, new Set(), `k${i}`)
        }
      })
      fc.assert(property, { seed: SEED, numRuns: 100 })
    })

    it('makes the same choices from the same seed', () => {
      const list = endpoints(20)
      const choices = (policy: Policy) =>
        Array.from({ length: 200 }, (_, i) => policy.pick(list, i % 2 === 0 ? {} : { hashKey: `k${i}` })?.id)
      assert.deepEqual(choices(make(7)), choices(make(7)))
    })
  })
}

export function policySuite(name: string, factory: PolicyFactory): void {
  const make = (seed = SEED) => factory({ random: seeded(seed) })

  scopeSuite(name, factory)
  describe(`policy ${name} by itself`, () => {
    it('reaches each of 1,000 endpoints, and with 998 not eligible only the other two', () => {
      const list = endpoints(1000)
      const policy = make()
      const seen = new Set<Endpoint | undefined>()
      for (let i = 0; i < 20_000; i++) seen.add(policy.pick(list, { hashKey: `key-${i}` }))
      assert.ok(seen.size > 990, `${seen.size} of 1,000 seen`)
      const left = new Set([list[17], list[801]])
      const few = new Set<Endpoint | undefined>()
      for (let i = 0; i < 100; i++) {
        few.add(policy.pick(list, { hashKey: `key-${i}`, eligible: (one) => left.has(one) }))
      }
      assert.deepEqual(few, left)
    })

    it('spreads over equal endpoints when nothing sets them apart', () => {
      const list = endpoints(4)
      const policy = make()
      const counts = new Map<Endpoint | undefined, number>()
      for (let i = 0; i < 4000; i++) {
        const chosen = policy.pick(list, { hashKey: `key ${i}` })
        counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
      }
      // Wide enough for a ring's unequal arcs; exact shares are each policy's own test.
      for (const one of list) assert.ok(Math.abs((counts.get(one) ?? 0) - 1000) < 400, `${one.id}: ${counts.get(one)}`)
    })

    it('does not touch the load: counting is its caller’s', () => {
      const list = endpoints(5)
      const policy = make()
      for (let i = 0; i < 100; i++) policy.pick(list, { hashKey: `k${i}` })
      for (const { load } of list) assert.equal(load.inFlight, 0)
    })
  })
}

function checkPick(
  policy: Policy,
  list: readonly Endpoint[],
  refused: ReadonlySet<Endpoint | undefined>,
  hashKey: string | undefined,
): void {
  const eligible = (one: Endpoint) => !refused.has(one)
  const chosen = policy.pick(list, { hashKey, eligible })
  if (chosen === undefined) assert.ok(!list.some(eligible), 'an eligible endpoint was overlooked')
  else assert.ok(list.includes(chosen) && eligible(chosen), `${chosen.id} is no eligible member`)
}
