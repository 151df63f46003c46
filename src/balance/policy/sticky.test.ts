import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../../core/random.ts'
import { endpoint, endpoints, SEED } from '../kit.suite.ts'
import { createPolicy, parseBalance } from '../policies.ts'
import { roundRobin } from './round-robin.ts'
import { sticky } from './sticky.ts'

const make = () => sticky(roundRobin)({ random: seeded(SEED) })

describe('sticky', () => {
  it('keeps a session where it is, and lets the inner policy choose for all others', () => {
    const list = endpoints(4)
    const policy = make()
    for (let i = 0; i < 10; i++) assert.equal(policy.pick(list, { hashKey: list[2]!.id }), list[2])
    assert.equal(new Set(Array.from({ length: 4 }, () => policy.pick(list, {}))).size, 4)
    assert.equal(new Set(Array.from({ length: 4 }, () => policy.pick(list, { hashKey: 'gone' }))).size, 4)
  })

  it('moves a session whose endpoint may not be chosen', () => {
    const list = endpoints(3)
    const policy = make()
    const eligible = (one: object) => one !== list[0]
    for (let i = 0; i < 10; i++) assert.notEqual(policy.pick(list, { hashKey: list[0]!.id, eligible }), list[0])
  })

  it('gives an endpoint of weight 0 no new sessions, and leaves it those that it has', () => {
    const list = [endpoint('draining', 0), endpoint('a'), endpoint('b')]
    const policy = make()
    for (let i = 0; i < 10; i++) assert.notEqual(policy.pick(list, {}), list[0])
    assert.equal(policy.pick(list, { hashKey: 'draining' }), list[0])
    assert.equal(make().pick([list[0]!], {}), undefined)
  })

  it('stays within its scopes', () => {
    const list = [
      { ...endpoint('old'), meta: { version: '1' } },
      { ...endpoint('new'), meta: { version: '2' } },
    ]
    const config = { policy: 'sticky', keys: [{ env: 'KEY' }], subset: { version: '2' } } as const
    const policy = createPolicy(parseBalance(config), { random: seeded(SEED) })
    assert.equal(policy.pick(list, { hashKey: 'old' }), list[1])
  })
})
