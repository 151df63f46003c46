import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import { networkOf } from './address.ts'
import { Buckets } from './buckets.ts'

test('a full bucket gives its capacity at once, then as fast as tokens come back', () => {
  const buckets = new Buckets({ capacity: 3, perMs: 1 / 1000 })
  assert.deepEqual(
    [0, 0, 0, 0].map((now) => buckets.take('a', now).taken),
    [true, true, true, false],
  )
  assert.deepEqual(buckets.take('a', 500), { taken: false, left: 0, retryMs: 500, fullMs: 2500 })
  assert.equal(buckets.take('a', 1000).taken, true)
  assert.equal(buckets.take('a', 1999).taken, false)
  assert.deepEqual(buckets.take('a', 60_000), { taken: true, left: 2, retryMs: 0, fullMs: 1000 })
})

test('each key has a bucket of its own', () => {
  const buckets = new Buckets({ capacity: 1, perMs: 1 })
  assert.equal(buckets.take('a', 0).taken, true)
  assert.equal(buckets.take('b', 0).taken, true)
  assert.equal(buckets.take('a', 0).taken, false)
})

test('memory is bounded: the key unused for longest is forgotten', () => {
  const buckets = new Buckets({ capacity: 1, perMs: 1e-9, keysMax: 2 })
  for (const key of ['a', 'b', 'a', 'c']) buckets.take(key, 0)
  assert.equal(buckets.size, 2)
  assert.equal(buckets.take('a', 0).taken, false)
  assert.equal(buckets.take('b', 0).taken, true)
})

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

test(`in no window are more let through than capacity and what came back (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  for (let round = 0; round < 50; round++) {
    const capacity = 1 + below(random, 10)
    const perMs = (1 + below(random, 10)) / 100
    const buckets = new Buckets({ capacity, perMs })
    const taken: number[] = []
    for (let now = 0; now < 2000; now += random() * 20) if (buckets.take('a', now).taken) taken.push(now)
    for (let i = 0; i < taken.length; i++) {
      for (let j = i; j < taken.length; j++) {
        const allowed = capacity + (taken[j]! - taken[i]!) * perMs
        assert.ok(j - i + 1 <= allowed + 1e-6, `${j - i + 1} of ${allowed} from ${taken[i]} to ${taken[j]}`)
      }
    }
  }
})

for (const [ip, network] of [
  ['10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
] as const) {
  test(`${ip} counts as ${network}`, () => assert.equal(networkOf(ip), network))
}
