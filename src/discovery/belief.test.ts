import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import { type Belief, believe, HOLD_MS, settle } from './belief.ts'
import { instance } from './kit.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

test(`whatever the registry answers, a set that had members keeps one (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  let belief: Belief | undefined
  let now = 0
  let filled = false
  for (let step = 0; step < 5000; step++) {
    now += below(random, 2 * HOLD_MS)
    const size = random() < 0.3 ? 0 : below(random, 5)
    const answered = Array.from({ length: size }, () => `u${below(random, 8)}`)
    belief = believe(
      belief,
      [...new Set(answered)].map((id) => instance(id)),
      below(random, 100),
      now,
    )
    filled ||= size > 0
    assert.equal(belief.instances.length > 0, filled)
    const names = belief.instances.map(({ id }) => id)
    assert.equal(new Set(names).size, names.length, 'an instance twice')
    for (const id of answered) assert.ok(names.includes(id), 'an answered instance is missing')
  }
})

test('an address that another instance has now is not held: it would reach the wrong one', () => {
  const first = believe(undefined, [instance('u1'), instance('u2')], 10, 0)
  const second = believe(first, [instance('v1', { port: 1001 })], 3, 0)
  assert.deepEqual(
    second.instances.map(({ id }) => id),
    ['v1', 'u2'],
  )
})

test('what is held is let go when its time is over, but not before a non-empty answer', () => {
  const full = believe(undefined, [instance('u1'), instance('u2')], 10, 0)
  const emptied = believe(full, [], 11, 0)
  assert.equal(settle(emptied, 10 * HOLD_MS).instances.length, 2)
  const one = believe(emptied, [instance('u1')], 12, HOLD_MS - 1)
  assert.equal(one.doubted, true)
  assert.deepEqual(
    settle(one, HOLD_MS).instances.map(({ id }) => id),
    ['u1'],
  )
})
