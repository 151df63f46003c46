import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BalanceConfig } from './contract.ts'
import { checkBalance, POLICIES, parseBalance } from './policies.ts'
import { envoyRingHash } from './policy/ring-hash.ts'
import { policySuite } from './policy.suite.ts'

const HASHING = ['ring-hash', 'maglev', 'rendezvous'] as const

for (const [name, factory] of Object.entries(POLICIES)) policySuite(name, factory)
for (const name of HASHING) {
  policySuite(`${name} with bounded load`, (options) => POLICIES[name]({ ...options, boundedLoad: 1.25 }))
}
policySuite("ring-hash over Envoy's ring", (options) => envoyRingHash({ ...options, minimumRingSize: 8192 }))

describe('POLICIES', () => {
  it('holds each policy under its own name', () => {
    for (const [name, factory] of Object.entries(POLICIES)) assert.equal(factory({ random: () => 0 }).name, name)
  })
})

describe('parseBalance', () => {
  const cases: [BalanceConfig | undefined, ReturnType<typeof parseBalance>][] = [
    [undefined, { policy: 'p2c', load: 'peak-ewma' }],
    ['p2c', { policy: 'p2c', load: 'peak-ewma' }],
    ['least-request', { policy: 'least-request', load: 'in-flight' }],
    ['weighted-round-robin', { policy: 'weighted-round-robin', load: 'in-flight' }],
    [
      { policy: 'p2c', load: 'in-flight' },
      { policy: 'p2c', load: 'in-flight' },
    ],
    [
      { policy: 'least-request', load: 'peak-ewma' },
      { policy: 'least-request', load: 'peak-ewma' },
    ],
    [
      { policy: 'hash', on: 'ip' },
      { policy: 'ring-hash', load: 'peak-ewma', on: 'ip' },
    ],
    [
      { policy: 'hash', on: 'header:x-user', using: 'maglev', boundedLoad: 1.25 },
      { policy: 'maglev', load: 'peak-ewma', on: 'header:x-user', boundedLoad: 1.25 },
    ],
    [
      { policy: 'hash', on: 'query:id', using: 'rendezvous' },
      { policy: 'rendezvous', load: 'peak-ewma', on: 'query:id' },
    ],
  ]
  for (const [config, expected] of cases) {
    it(`understands ${JSON.stringify(config) ?? 'nothing'}`, () => {
      assert.equal(config === undefined ? undefined : checkBalance(config), undefined)
      assert.deepEqual(parseBalance(config), expected)
    })
  }

  it('throws a RangeError that says what is wrong', () => {
    assert.throws(() => parseBalance('p3c' as BalanceConfig), {
      name: 'RangeError',
      message: /unknown policy "p3c", did you mean 'p2c'\?/,
    })
  })
})

describe('checkBalance', () => {
  const cases: [unknown, RegExp][] = [
    ['round robin', /unknown policy "round robin", did you mean 'round-robin'/],
    ['hash', /needs a key: write \{ policy: 'hash', on: 'ip' \}/],
    ['maglev', /write \{ policy: 'hash', on: 'ip', using: 'maglev' \}/],
    ['toString', /unknown policy "toString"/],
    [7, /7 is neither a policy name nor an object/],
    [null, /null is neither/],
    [['p2c'], /is neither/],
    [{}, /unknown policy undefined/],
    [{ policy: 'ring-hash', on: 'ip' }, /using: 'ring'/],
    [{ policy: 'p2c', load: 'cpu' }, /unknown load "cpu" \(known: in-flight, peak-ewma\)/],
    [{ policy: 'p2c', on: 'ip' }, /policy 'p2c' has no option 'on'/],
    [{ policy: 'hash' }, /needs a key/],
    [{ policy: 'hash', on: 'ipv6' }, /on: unknown key source 'ipv6'/],
    [{ policy: 'hash', on: 'ip', using: 'modulo' }, /unknown using "modulo" \(known: ring, maglev, rendezvous\)/],
    [{ policy: 'hash', on: 'ip', boundedLoad: 0.9 }, /boundedLoad 0\.9 is not a number from 1/],
    [{ policy: 'hash', on: 'ip', boundedLoad: Number.NaN }, /boundedLoad null/],
    [{ policy: 'hash', on: 'ip', boundedload: 2 }, /no option 'boundedload'/],
  ]
  for (const [value, message] of cases) {
    it(`refuses ${JSON.stringify(value)}`, () => assert.match(checkBalance(value) ?? 'nothing found', message))
  }
})
