import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { endpoint, endpointsOf, type NamedServer, SEED, vectors } from '../kit.suite.ts'
import { edf } from './edf.ts'

interface Case {
  readonly servers: readonly NamedServer[]
  readonly picks: number
  readonly assertPrefixDeviationAtMost: number
}

const { cases } = vectors<{ cases: readonly Case[] }>('edf')

describe('edf', () => {
  for (const { servers, picks, assertPrefixDeviationAtMost } of cases) {
    const weights = servers.map(({ weight }) => weight)
    it(`keeps to the ratio after every pick, from any start: ${weights}`, () => {
      const list = endpointsOf(servers)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      for (let seed = SEED; seed < SEED + 30; seed++) {
        const policy = edf({ random: seeded(seed) })
        const counts = new Map<string, number>()
        for (let pick = 1; pick <= picks; pick++) {
          const { id } = policy.pick(list, {})!
          counts.set(id, (counts.get(id) ?? 0) + 1)
          for (const { id: one, weight } of list) {
            const off = Math.abs((counts.get(one) ?? 0) - (pick * weight) / sum)
            assert.ok(off <= assertPrefixDeviationAtMost + 1e-9, `${one} is ${off} off after ${pick} picks`)
          }
        }
      }
    })
  }

  it('gives an endpoint that was out its turns of now, not those it missed', () => {
    const list = [endpoint('a:1'), endpoint('b:1')]
    const policy = edf({ random: seeded(SEED) })
    for (let i = 0; i < 50; i++) policy.pick(list, { eligible: ({ id }) => id === 'a:1' })
    const next = Array.from({ length: 20 }, () => policy.pick(list, {})!.id)
    assert.ok(Math.abs(next.filter((id) => id === 'b:1').length - 10) <= 1, next.join(' '))
  })

  it('goes on where it was when one joins or leaves', () => {
    const list = [endpoint('a:1', 3), endpoint('b:1', 2), endpoint('c:1')]
    const policy = edf({ random: seeded(SEED) })
    for (let i = 0; i < 60; i++) policy.pick(list, {})
    const more = [...list, endpoint('d:1', 2)]
    const picks = Array.from({ length: 80 }, () => policy.pick(more, {})!.id)
    for (const [id, wanted] of Object.entries({ 'a:1': 30, 'b:1': 20, 'c:1': 10, 'd:1': 20 })) {
      assert.ok(Math.abs(picks.filter((one) => one === id).length - wanted) <= 2, `${id}: ${picks.join(' ')}`)
    }
  })
})
