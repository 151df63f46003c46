import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import type { BalanceConfig, OwnPolicy } from './balance-config.ts'
import { checkBalance, POLICIES, parseBalance } from './policies.ts'
import { own } from './policy/own.ts'
import { policySuite, scopeSuite } from './policy.suite.ts'
import type { ScopeOptions } from './scope-options.ts'
import { within } from './scopes.ts'

const HASHING = ['ip-hash', 'ring-hash', 'envoy-ring-hash', 'maglev', 'rendezvous'] as const

for (const [name, factory] of Object.entries(POLICIES)) policySuite(name, factory)
for (const name of HASHING) {
  policySuite(`${name} with bounded load`, (options) => POLICIES[name]({ ...options, boundedLoad: 1.25 }))
}
policySuite(
  'a function of the user’s',
  own((list, { random }) => list[Math.floor(random() * list.length)]),
)
const SCOPED: readonly [string, ScopeOptions][] = [
  ['a subset that has nobody', { subset: { version: '2' }, otherwise: 'any' }],
  ['an aperture of three', { aperture: 3 }],
  ['priorities', { priority: true }],
  ['a zone', { zone: 'a' }],
  ['zones by weight', { zoneWeights: { a: 1, '': 2 } }],
  ['slow start', { slowStart: 30 }],
]
const clock = new VirtualClock()
for (const [name, scopes] of SCOPED) {
  scopeSuite(`p2c within ${name}`, (options) => within(scopes, POLICIES.p2c)({ ...options, clock }))
  scopeSuite(`rendezvous within ${name}`, (options) => within(scopes, POLICIES.rendezvous)({ ...options, clock }))
}

describe('POLICIES', () => {
  it('holds each policy under its own name', () => {
    for (const [name, factory] of Object.entries(POLICIES)) assert.equal(factory({ random: () => 0 }).name, name)
  })
})

const first: OwnPolicy = (list) => list[0]

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
    ['ip-hash', { policy: 'ip-hash', load: 'peak-ewma', on: 'ip' }],
    ['edf', { policy: 'edf', load: 'in-flight' }],
    [{ zone: 'a' }, { policy: 'p2c', load: 'peak-ewma', scopes: { zone: 'a' } }],
    [first, { policy: 'own', load: 'peak-ewma', choose: first }],
    [
      { policy: first, load: 'utilisation', panic: 50 },
      { policy: 'own', load: 'utilisation', choose: first, scopes: { panic: 50 } },
    ],
    [
      { policy: 'hash', on: 'ip', using: 'envoy-ring', ringSize: 1024, subset: { version: '2' }, otherwise: 'any' },
      {
        policy: 'envoy-ring-hash',
        load: 'peak-ewma',
        on: 'ip',
        ringSize: 1024,
        scopes: { subset: { version: '2' }, otherwise: 'any' },
      },
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
    [{ policy: 'p2c', load: 'cpu' }, /unknown load "cpu" \(known: in-flight, peak-ewma, utilisation\)/],
    [{ policy: 'p2c', on: 'ip' }, /policy 'p2c' has no option 'on'/],
    [{ policy: 'hash' }, /needs a key/],
    [{ policy: 'hash', on: 'ipv6' }, /on: unknown key source 'ipv6'/],
    [
      { policy: 'hash', on: 'ip', using: 'modulo' },
      /unknown using "modulo" \(known: ring, envoy-ring, maglev, rendezvous\)/,
    ],
    [{ policy: 'hash', on: 'ip', boundedLoad: 0.9 }, /boundedLoad 0\.9 is not a number from 1/],
    [{ policy: 'hash', on: 'ip', boundedLoad: Number.NaN }, /boundedLoad null/],
    [{ policy: 'hash', on: 'ip', boundedload: 2 }, /no option 'boundedload'/],
    [{ policy: 'hash', on: 'ip', ringSize: 99 }, /ringSize is only for using: 'envoy-ring'/],
    [{ policy: 'hash', on: 'ip', using: 'envoy-ring', ringSize: 0.5 }, /ringSize 0\.5 is not a whole number/],
    [{ zones: 'a' }, /policy 'p2c' has no option 'zones'/],
    [{ zone: '' }, /zone: "" is not a name/],
    [{ zone: 7 }, /zone: 7 is neither a zone's name nor an object with own, callers, minInstances/],
    [{ zone: { callers: {} } }, /zone: 'own' is missing/],
    [{ zone: { own: 'a', callers: { a: -1 } } }, /zone: callers: a: -1 is not a number of callers/],
    [{ zoneWeights: { a: -1 } }, /zoneWeights: a: -1 is not a weight/],
    [{ zoneWeights: ['a'] }, /zoneWeights: \["a"\] is not an object/],
    [{ zone: 'a', zoneWeights: { a: 1 } }, /zoneWeights: stands instead of 'zone'/],
    [{ subset: {} }, /subset: \{\} is not an object such as/],
    [{ subset: { version: 2 } }, /subset: version: 2 is not a text/],
    [{ subset: { version: '2' }, otherwise: 'all' }, /otherwise: "all" is neither 'any' nor 'none'/],
    [{ policy: 'p2c', otherwise: 'any' }, /otherwise: says what to do outside of 'subset'/],
    [{ aperture: 0 }, /aperture: 0 is not a number from 1/],
    [{ aperture: 2.5 }, /aperture: 2\.5 is not a whole number/],
    [{ aperture: { size: '20' } }, /aperture: size: "20" is not a whole number/],
    [{ aperture: { client: 1 } }, /aperture: 'size' is missing/],
    [{ aperture: { size: 2, client: -1 } }, /aperture: client: -1 is neither a whole number from 0 nor a name/],
    [{ priority: false }, /priority: false is neither true nor an object/],
    [{ priority: { toString: 1 } }, /priority: has no option 'toString'/],
    [{ panic: 101 }, /panic: 101 is not a number from 0 to 100/],
    [{ slowStart: Number.POSITIVE_INFINITY }, /slowStart: null is not a number from 1 to 3600/],
    [{ slowStart: { windowS: 10, aggression: 0 } }, /slowStart: aggression: 0 is not/],
  ]
  for (const [value, message] of cases) {
    it(`refuses ${JSON.stringify(value)}`, () => assert.match(checkBalance(value) ?? 'nothing found', message))
  }
})
