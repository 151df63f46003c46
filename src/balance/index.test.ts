import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Endpoint, LOADS, POLICIES, seeded, VirtualClock } from './index.ts'

it('a user tries a policy on numbers of their own with what skein/balance exports', () => {
  const clock = new VirtualClock()
  const endpoints: Endpoint[] = ['10.0.0.1:80', '10.0.0.2:80'].map((key) => {
    return { id: key, key, weight: 1, load: LOADS['peak-ewma']({ clock }) }
  })
  for (const [i, { load }] of endpoints.entries()) {
    load.begin()
    load.end(i === 0 ? 80 : 20)
  }
  const policy = POLICIES.p2c({ random: seeded(1) })
  assert.equal(policy.pick(endpoints, {})?.id, '10.0.0.2:80')
})
