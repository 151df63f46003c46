import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Endpoint } from '../contract.ts'
import { countPicks, endpoint, endpointsOf, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { failTurn, newTurn, nextTurn } from '../turns.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

interface Case {
  readonly servers: NamedServer[]
  readonly picks: string[]
  readonly currentWeightsAfterPick: number[][]
}
type Step =
  | { op: 'pick'; notEligible: string[]; expect: string | null; currents: number[]; effective: number[] }
  | { op: 'fail'; server: string; maxFails: number; effective: number[] }

const { cases, stories } = vectors<{ cases: Case[]; stories: { servers: NamedServer[]; steps: Step[] }[] }>(
  'smooth-wrr',
)
const make = () => weightedRoundRobin({ random: () => 0 })

describe('weighted round robin', () => {
  for (const { servers, picks, currentWeightsAfterPick } of cases) {
    it(`gives nginx's sequence for ${servers.map(({ name, weight }) => `${name}=${weight}`).join(' ')}`, () => {
      const list = endpointsOf(servers)
      const policy = make()
      assert.deepEqual(
        picks.map(() => policy.pick(list, {})?.id),
        picks,
      )
      const turns = servers.map(({ weight }) => newTurn(weight))
      for (const expected of currentWeightsAfterPick) {
        nextTurn(turns, () => true)
        assert.deepEqual(
          turns.map(({ current }) => current),
          expected,
        )
      }
    })
  }

  for (const [number, { servers, steps }] of stories.entries()) {
    it(`tells story ${number} of servers left out and failing as nginx does`, () => {
      const turns = servers.map(({ weight }) => newTurn(weight))
      for (const step of steps) {
        if (step.op === 'fail') failTurn(turns[servers.findIndex(({ name }) => name === step.server)]!, step.maxFails)
        else {
          const index = nextTurn(turns, (i) => !step.notEligible.includes(servers[i]!.name))
          assert.equal(servers[index]?.name ?? null, step.expect)
          assert.deepEqual(
            turns.map(({ current }) => current),
            step.currents,
          )
        }
        assert.deepEqual(
          turns.map(({ effective }) => effective),
          step.effective,
        )
      }
    })
  }

  it('gives each exactly its weight over any period, and keeps the sum of current weights at 0', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      (weights) => {
        const turns = weights.map((weight) => newTurn(weight))
        const counts = weights.map(() => 0)
        const period = weights.reduce((sum, weight) => sum + weight, 0)
        for (let i = 0; i < period * 2; i++) {
          counts[nextTurn(turns, () => true)]!++
          assert.equal(
            turns.reduce((sum, { current }) => sum + current, 0),
            0,
          )
        }
        assert.deepEqual(
          counts,
          weights.map((weight) => weight * 2),
        )
      },
    )
    fc.assert(property, { seed: SEED })
  })

  it('chooses by classes of weight as the scan does, whatever happens between', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })
    const happening = fc.oneof(
      { arbitrary: fc.constant({ what: 'pick' } as const), weight: 8 },
      {
        arbitrary: fc.record({ what: fc.constantFrom('fail' as const, 'without' as const), at: fc.nat(15) }),
        weight: 6,
      },
    )
    const property = fc.property(weights, fc.array(happening, { maxLength: 60 }), (given, steps) => {
      const list = given.map((weight, i) => endpoint(`host-${i}:80`, weight))
      const policy = make()
      const turns = given.map((weight) => newTurn(weight))
      // Of each two functions, so that they follow each other and themselves.
      const without = given.flatMap((_, at) => [0, 1].map(() => (one: Endpoint) => one !== list[at]))
      // A failure says something about those that were chosen from before.
      for (const step of [{ what: 'pick' } as const, ...steps]) {
        const at = 'at' in step ? (step.at >> 1) % list.length : -1
        if (step.what === 'fail') {
          policy.failed?.(list[at]!.id)
          failTurn(turns[at]!)
        } else {
          const eligible = step.what === 'pick' ? {} : { eligible: without[2 * at + (step.at & 1)] }
          assert.equal(policy.pick(list, eligible), list[nextTurn(turns, (index) => index !== at)])
        }
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
  })

  it('asks once who may be chosen, and not with each pick', () => {
    const list = Array.from({ length: 100 }, (_, i) => endpoint(`host-${i}:80`, 1 + (i % 3)))
    let asked = 0
    const eligible = (one: Endpoint) => ++asked > 0 && one !== list[7]
    const policy = make()
    const picks = Array.from({ length: 400 }, () => policy.pick(list, { eligible }))
    assert.ok(!picks.includes(list[7]))
    assert.ok(asked <= 200, `asked ${asked} times`)
  })

  it('keeps the current weights of the others when members change', () => {
    const [a, b, c] = [endpoint('a', 3), endpoint('b', 2), endpoint('c', 1)]
    const policy = make()
    assert.equal(policy.pick([a, b, c], {}), a) // currents -3 2 1
    assert.equal(policy.pick([b, c], {}), b) // 4 2, then 1 2
    assert.equal(policy.pick([c, b], {}), c) // had b begun anew it would lead
  })

  it('owes nobody more than its part of a round, whoever goes, comes or changes weight', () => {
    const [heavy, b, c] = [endpoint('heavy', 1000), endpoint('b'), endpoint('c')]
    const changes: [string, Endpoint[]][] = [
      ['the heavy one goes', [b, c]],
      ['it is lowered', [endpoint('heavy'), b, c]],
      ['another comes in its place', [endpoint('d'), b, c]],
    ]
    for (const [what, after] of changes) {
      const before = [heavy, b, c]
      const policy = make()
      while (policy.pick(before, {}) !== b);
      const counts = countPicks(60, () => policy.pick(after, {}))
      for (const { id } of after) {
        const share = 60 / after.length
        assert.ok(Math.abs((counts.get(id) ?? 0) - share) <= 3, `${what}: ${id} got ${counts.get(id)} of ${share}`)
      }
    }
  })

  it('lowers the share of an endpoint that fails', () => {
    const list = [endpoint('good', 4), endpoint('bad', 4)]
    const policy = make()
    const counts = countPicks(100, () => {
      const chosen = policy.pick(list, {})
      if (chosen?.id === 'bad') policy.failed?.('bad')
      return chosen
    })
    policy.failed?.('no member')
    assert.ok((counts.get('bad') ?? 0) < 45 && (counts.get('bad') ?? 0) > 0, `${counts.get('bad')}`)
  })
})
