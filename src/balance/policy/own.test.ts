import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../core/random.ts'
import { endpoint, endpoints, SEED } from '../kit.suite.ts'
import { createPolicy, parseBalance } from '../policies.ts'
import { own } from './own.ts'

test('is given who is eligible, the key and a generator, and its choice holds', () => {
  const seen: unknown[] = []
  const policy = own((list, { hashKey, random }) => {
    seen.push(
      list.map(({ id }) => id),
      hashKey,
      random() < 1,
    )
    return list.at(-1)
  })({ random: seeded(SEED) })
  const list = endpoints(3)
  assert.equal(policy.pick(list, { hashKey: 'k', eligible: (one) => one !== list[2] }), list[1])
  assert.deepEqual(seen, [[list[0]!.id, list[1]!.id], 'k', true])
})

test('is not asked about nobody, and may refuse all', () => {
  const policy = own(() => undefined)({ random: seeded(SEED) })
  assert.equal(policy.pick(endpoints(2), {}), undefined)
  assert.equal(
    own(() => assert.fail('asked'))({ random: seeded(SEED) }).pick(endpoints(2), { eligible: () => false }),
    undefined,
  )
})

test('is told when it returns a stranger', () => {
  const stranger = () => endpoint('stranger:1')
  const policy = createPolicy(parseBalance(stranger), { random: seeded(SEED) })
  assert.throws(() => policy.pick(endpoints(2), {}), /the function stranger chose an endpoint that it was not given/)
})
