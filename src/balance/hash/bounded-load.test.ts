import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { below, seeded } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import { endpoint, endpoints, SEED, vectors } from '../kit.suite.ts'
import { POLICIES } from '../policies.ts'
import { slotsOf, totalSlots } from './bounded-load.ts'

interface Case {
  readonly active: number
  readonly balanceFactor: number
  readonly weights: number[]
  readonly totalSlots: number
  readonly envoySlots: number[]
}
const { cases } = vectors<{ cases: Case[] }>('bounded-load')
const HASHING = ['ring-hash', 'maglev', 'rendezvous'] as const

describe('bounded load', () => {
  it('shares out the slots of the reference', () => {
    for (const { active, balanceFactor, weights, totalSlots: total, envoySlots } of cases) {
      assert.equal(totalSlots(active, balanceFactor / 100), total)
      const sum = weights.reduce((a, b) => a + b, 0)
      assert.deepEqual(
        weights.map((weight) => slotsOf(total, weight, sum)),
        envoySlots,
      )
    }
  })

  it('takes the factor as it is, and not to the next hundredth', () => {
    assert.deepEqual(
      [totalSlots(999, 1.006), totalSlots(9, 1.1), totalSlots(99, 1), totalSlots(0, 1)],
      [1006, 11, 100, 1],
    )
  })

  for (const name of HASHING) {
    it(`${name}: after every start no endpoint holds more than its slots`, () => {
      const weights = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 })
      const factors = fc.constantFrom(1, 1.1, 1.25, 1.5, 2)
      const property = fc.property(weights, factors, fc.nat(), (list, factor, seed) => {
        startsAndEnds(name, list, factor, seed)
      })
      fc.assert(property, { seed: SEED, numRuns: 40 })
    })

    it(`${name}: the overflow of one key goes on, in an order of its own`, () => {
      const list = endpoints(10)
      const policy = POLICIES[name]({ random: seeded(SEED), boundedLoad: 1.25 })
      const free = POLICIES[name]({ random: seeded(SEED) })
      const order: (Endpoint | undefined)[] = []
      for (let i = 0; i < 10; i++) {
        const chosen = policy.pick(list, { hashKey: 'hot' })
        chosen?.load.begin()
        if (!order.includes(chosen)) order.push(chosen)
      }
      const tried = new Set<Endpoint | undefined>()
      for (const chosen of order) {
        assert.equal(chosen, free.pick(list, { hashKey: 'hot', eligible: (one) => !tried.has(one) }))
        tried.add(chosen)
      }
      assert.ok(order.length > 1)
    })
  }

  it('is unbounded where there is no pressure: each key keeps its first choice', () => {
    const list = endpoints(10)
    for (const name of HASHING) {
      const bounded = POLICIES[name]({ random: seeded(SEED), boundedLoad: 1.25 })
      const free = POLICIES[name]({ random: seeded(SEED) })
      for (let i = 0; i < 100; i++) {
        assert.equal(bounded.pick(list, { hashKey: `k${i}` }), free.pick(list, { hashKey: `k${i}` }))
      }
    }
  })
})

/** 300 random starts and ends of requests, most of them of few keys, some with an endpoint left out or without a key. */
function startsAndEnds(name: (typeof HASHING)[number], weights: readonly number[], factor: number, seed: number): void {
  const random = seeded(seed)
  const list = weights.map((weight, i) => endpoint(`h${i}:80`, weight))
  const policy = POLICIES[name]({ random, boundedLoad: factor })
  const running: Endpoint[] = []
  for (let i = 0; i < 300; i++) {
    if (running.length > 0 && random() < 0.3) running.splice(below(random, running.length), 1)[0]!.load.end(1)
    const out = random() < 0.2 ? list[below(random, list.length)] : undefined
    const left = list.filter((one) => one !== out)
    const active = left.reduce((sum, { load }) => sum + load.inFlight, 0)
    const hashKey = random() < 0.1 ? undefined : `k${below(random, 3)}`
    const chosen = policy.pick(list, { hashKey, eligible: (one) => one !== out })
    if (left.length === 0) assert.equal(chosen, undefined)
    else assert.ok(chosen, 'nobody admitted, though slots exceed requests')
    if (chosen === undefined) continue
    chosen.load.begin()
    running.push(chosen)
    const sum = left.reduce((total, { weight }) => total + weight, 0)
    assert.ok(
      chosen.load.inFlight <= slotsOf(totalSlots(active, factor), chosen.weight, sum),
      `seed ${seed}, step ${i}`,
    )
  }
}
