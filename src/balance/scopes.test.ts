/** Each scope's own promise; what holds for all is in policies.test.ts. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { VirtualClock } from '../core/clock.ts'
import { seeded } from '../core/random.ts'
import type { Endpoint, PickRequest } from './contract.ts'
import { countPicks, endpoint, endpoints, fiveSigma, SEED, vectors } from './kit.suite.ts'
import { POLICIES } from './policies.ts'
import { dealt, ranked } from './scope/aperture.ts'
import { levelLoads } from './scope/priority.ts'
import { zoneSplit } from './scope/zone.ts'
import { effectiveWeight } from './scope/zone-weights.ts'
import type { ScopeOptions } from './scope-options.ts'
import { within } from './scopes.ts'

const PICKS = 20_000
const policyIn = (scopes: ScopeOptions, clock = new VirtualClock()) =>
  within(scopes, POLICIES.random)({ random: seeded(SEED), clock })

const withMeta = (name: string, meta: Readonly<Record<string, string>>, tags: readonly string[] = []): Endpoint => {
  return { ...endpoint(name), meta, tags }
}

/** As the client asks: those in `sick` are ejected. */
function request(sick: ReadonlySet<Endpoint>): PickRequest {
  const healthy = (one: Endpoint) => !sick.has(one)
  return { eligible: healthy, healthy }
}

function near(count: number | undefined, share: number): void {
  const limit = fiveSigma(PICKS, share)
  assert.ok(Math.abs((count ?? 0) - PICKS * share) <= limit, `${count} picks, wanted ${PICKS * share} ± ${limit}`)
}

interface LevelCase {
  readonly healthyOfTotal: readonly [number, number][]
  readonly health: readonly number[]
  readonly normalizedTotal: number
  readonly panic: readonly boolean[]
  readonly loadPercent: readonly number[]
  readonly panicThreshold?: number
}

interface ZoneCase {
  readonly localInstancesPerZone: readonly number[]
  readonly upstreamHealthyPerZone: readonly number[]
  readonly ownZone: number
  readonly decision: string
  readonly localPer10000ToOwnZone?: number
  readonly residualCapacity?: readonly number[]
}

interface LocalityCase {
  readonly localityWeights: readonly number[]
  readonly healthyOfTotal: readonly [number, number][]
  readonly effectiveWeights: readonly number[]
  readonly share: readonly number[]
}

const { priorities, zones, localities } = vectors<{
  priorities: LevelCase[]
  zones: ZoneCase[]
  localities: LocalityCase[]
}>('priority-locality')

describe('priority', () => {
  for (const { healthyOfTotal, panicThreshold = 50, health, normalizedTotal, panic, loadPercent } of priorities) {
    it(`shares out as Envoy's code does: ${healthyOfTotal.join(' | ')}, panic ${panicThreshold}`, () => {
      const wanted = { health, normalizedTotal, panic, loadPercent }
      assert.deepEqual(levelLoads(healthyOfTotal, panicThreshold), wanted)
    })
  }

  it('always shares out all, and nothing to a level that has nobody while another has', () => {
    const counts = fc.array(
      fc.tuple(fc.nat(50), fc.nat(50)).map(([healthy, sick]): [number, number] => [healthy, healthy + sick]),
      { minLength: 1, maxLength: 5 },
    )
    const property = fc.property(counts, fc.nat(100), (levels, panicPercent) => {
      const { loadPercent, panic } = levelLoads(levels, panicPercent)
      if (levels.some(([, total]) => total > 0))
        assert.equal(
          loadPercent.reduce((sum, load) => sum + load, 0),
          100,
        )
      for (const [level, [healthy]] of levels.entries()) {
        if (healthy === 0 && levels.some(([some]) => some > 0) && !panic.every(Boolean)) {
          assert.equal(loadPercent[level], 0)
        }
      }
    })
    fc.assert(property, { seed: SEED })
  })

  it('goes to the next level as far as the first lacks, and wholly when the first is gone', () => {
    const list = Array.from({ length: 8 }, (_, i) => withMeta(`h${i}:80`, i < 4 ? {} : { priority: '1' }))
    const policy = policyIn({ priority: true })
    const second = (sick: Set<Endpoint>) =>
      countPicks(PICKS, () => {
        const picked = policy.pick(list, request(sick))!
        assert.ok(!sick.has(picked))
        return endpoint(picked.meta?.['priority'] ?? '0')
      }).get('1')
    assert.equal(second(new Set()), undefined)
    near(second(new Set(list.slice(0, 2))), 0.3)
    assert.equal(second(new Set(list.slice(0, 4))), PICKS)
  })
})

describe('priority: levels', () => {
  it('counts as level 0 what is no whole number from 0', () => {
    const strange = ['-1', '1.5', '1e3', 'high', '', ' 1', '9'.repeat(12)]
    const list = [
      ...strange.map((priority, i) => withMeta(`h${i}:80`, { priority })),
      withMeta('later:80', { priority: '1' }),
    ]
    const policy = policyIn({ priority: true })
    assert.equal(countPicks(500, () => policy.pick(list, {})).size, strange.length)
  })

  it('reads the level where it is told, in the order of the numbers', () => {
    const list = ['10', '9', '2'].map((tier) => withMeta(`${tier}:80`, { tier }))
    const policy = policyIn({ priority: { key: 'tier' } })
    const first = (sick: readonly Endpoint[]) => policy.pick(list, request(new Set(sick)))?.id
    assert.deepEqual([first([]), first([list[2]!]), first(list.slice(1))], ['2:80', '9:80', '10:80'])
  })
})

describe('zone', () => {
  for (const { localInstancesPerZone: local, upstreamHealthyPerZone: upstream, ownZone, ...expected } of zones) {
    it(`splits as Envoy does: callers ${local}, healthy ${upstream}`, () => {
      const split = zoneSplit(local, upstream, ownZone)
      if (expected.decision.startsWith('zone routing off')) return assert.equal(split, undefined)
      if (expected.decision === 'all direct') return assert.equal(split?.direct, 10_000)
      assert.deepEqual(split, { direct: expected.localPer10000ToOwnZone, residual: expected.residualCapacity })
    })
  }

  const threeZones = Array.from({ length: 9 }, (_, i) => withMeta(`h${i}:80`, { zone: 'abc'[i % 3]! }))
  const zonesOf = (scopes: ScopeOptions, sick: ReadonlySet<Endpoint> = new Set()) => {
    const policy = policyIn(scopes)
    return countPicks(PICKS, () => endpoint(policy.pick(threeZones, request(sick))!.meta!['zone']!))
  }

  it('stays at home while the zone can carry it, and spills over by what it lacks', () => {
    assert.equal(zonesOf({ zone: 'a' }).get('a'), PICKS)
    const spilled = zonesOf({ zone: 'a' }, new Set([threeZones[0]!, threeZones[3]!]))
    // 1 of 7 healthy instances for a third of the callers.
    near(spilled.get('a'), Math.floor((10_000 * 1428) / 3333) / 10_000)
  })

  it('counts callers by zone where it is told them', () => {
    near(zonesOf({ zone: { own: 'a', callers: { a: 2, b: 1 } } }).get('a'), 0.5)
  })

  it('is off in an unknown zone with no callers, and with too few instances', () => {
    for (const scopes of [{ zone: { own: 'x', callers: { a: 1 } } }, { zone: { own: 'a', minInstances: 10 } }]) {
      near(zonesOf(scopes).get('b'), 1 / 3)
    }
  })

  it('goes elsewhere when nobody at home is healthy', () => {
    assert.equal(
      zonesOf({ zone: 'a' }, new Set(threeZones.filter(({ meta }) => meta?.['zone'] === 'a'))).get('a'),
      undefined,
    )
  })
})

describe('zone weights', () => {
  for (const { localityWeights, healthyOfTotal, effectiveWeights, share } of localities) {
    it(`shares out as Envoy does: weights ${localityWeights}, healthy ${healthyOfTotal.join(' | ')}`, () => {
      for (const [i, [healthy, total]] of healthyOfTotal.entries()) {
        const weight = effectiveWeight(localityWeights[i]!, healthy, total)
        assert.ok(Math.abs(weight - effectiveWeights[i]!) < 1e-5, `${weight}`)
      }
      const list = healthyOfTotal.flatMap(([healthy, total], zone) =>
        Array.from({ length: total }, (_, i) =>
          withMeta(`h${zone}-${i}:80`, { zone: `${zone}`, sick: `${i >= healthy}` }),
        ),
      )
      const policy = policyIn({
        zoneWeights: Object.fromEntries(localityWeights.map((weight, zone) => [zone, weight])),
      })
      const asked = request(new Set(list.filter(({ meta }) => meta?.['sick'] === 'true')))
      const counts = countPicks(PICKS, () => endpoint(policy.pick(list, asked)!.meta!['zone']!))
      for (const [zone, part] of share.entries()) near(counts.get(`${zone}`), part)
    })
  }

  it('is not confused by what an instance calls its zone', () => {
    const names = ['a', 'a', 'a', 'b', 'b', 'b', 'constructor', '__proto__', 'toString']
    const list = names.map((zone, i) => withMeta(`h${i}:80`, Object.fromEntries([['zone', zone]])))
    for (const scopes of [{ zoneWeights: { a: 1 } }, { zone: { own: 'a', callers: { a: 1, b: 2 } } }]) {
      const policy = policyIn(scopes)
      assert.deepEqual([...countPicks(200, () => endpoint(policy.pick(list, {})!.meta!['zone']!)).keys()], ['a'])
    }
  })

  it('uses a zone without a weight only when no other can serve', () => {
    const list = [withMeta('a:1', { zone: 'a' }), withMeta('b:1', { zone: 'b' })]
    const policy = policyIn({ zoneWeights: { a: 1 } })
    assert.deepEqual([...countPicks(200, () => policy.pick(list, {})).keys()], ['a:1'])
    assert.equal(policy.pick(list, request(new Set([list[0]!]))), list[1])
  })
})

describe('subset', () => {
  const list = [
    withMeta('a:1', { version: '1' }),
    withMeta('b:1', { version: '2' }, ['gpu']),
    withMeta('c:1', { version: '2' }),
  ]

  it('takes only those that have all of it', () => {
    const ids = (scopes: ScopeOptions) => [...countPicks(200, () => policyIn(scopes).pick(list, {})).keys()]
    const policy = policyIn({ subset: { version: '2' } })
    assert.deepEqual([...countPicks(200, () => policy.pick(list, {})).keys()].sort(), ['b:1', 'c:1'])
    assert.deepEqual(ids({ subset: { version: '2', tag: 'gpu' } }), ['b:1'])
  })

  it('takes nobody else unless told to', () => {
    const sick = request(new Set(list.slice(1)))
    assert.equal(policyIn({ subset: { version: '2' } }).pick(list, sick), undefined)
    assert.equal(policyIn({ subset: { version: '2' }, otherwise: 'any' }).pick(list, sick), list[0])
    assert.equal(policyIn({ subset: { version: '3' } }).pick(list, {}), undefined)
  })
})

describe('aperture', () => {
  it('deals hands of which each endpoint is in one a round: callers differ by one at most', () => {
    const property = fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 8 }), (size, hands) => {
      const list = endpoints(size * hands)
      const counts = countPicks(0, () => undefined)
      for (let client = 0; client < 3 * hands - 1; client++) {
        const hand = dealt(list, size, client)
        assert.equal(new Set(hand).size, size)
        for (const { id } of hand) counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      const all = list.map(({ id }) => counts.get(id) ?? 0)
      assert.ok(Math.max(...all) - Math.min(...all) <= 1, String(all))
    })
    fc.assert(property, { seed: SEED })
  })

  it('changes one place of a named caller when one endpoint goes', () => {
    const list = endpoints(100)
    for (let client = 0; client < 50; client++) {
      const before = ranked(list, 20, `c${client}`)
      const after = new Set(ranked(list.slice(1), 20, `c${client}`))
      assert.equal(before.filter((one) => !after.has(one)).length, before.includes(list[0]!) ? 1 : 0)
    }
  })

  it('keeps to its few, and leaves them when none is healthy', () => {
    const list = endpoints(50)
    const policy = policyIn({ aperture: { size: 5, client: 'me' } })
    const few = new Set(Array.from({ length: 500 }, () => policy.pick(list, {})!))
    assert.equal(few.size, 5)
    const other = policy.pick(list, request(few))
    assert.ok(other !== undefined && !few.has(other))
  })
})

describe('panic', () => {
  const list = endpoints(10)
  const seen = (sick: number, extra: Partial<PickRequest> = {}) => {
    const policy = policyIn({ panic: 50 })
    const asked = { ...request(new Set(list.slice(0, sick))), ...extra }
    return new Set(Array.from({ length: 500 }, () => policy.pick(list, asked))).size
  }

  it('ignores health below the threshold, and not at it', () => {
    assert.deepEqual([seen(5), seen(6)], [5, 10])
  })

  it('still leaves out what was tried', () => {
    assert.equal(seen(9, { eligibleInPanic: (one) => one !== list[3] }), 9)
  })

  const halves = Array.from({ length: 8 }, (_, i) =>
    withMeta(`h${i}:80`, { zone: i < 4 ? 'a' : 'b', priority: i < 4 ? '0' : '1' }),
  )
  const toSick = (scopes: ScopeOptions, count: number) => {
    const sick = new Set(halves.slice(0, count))
    const policy = policyIn({ ...scopes, panic: 50 })
    return countPicks(2000, () => (sick.has(policy.pick(halves, request(sick))!) ? endpoint('sick') : undefined))
  }
  const parts: readonly ScopeOptions[] = [
    { zone: { own: 'a', minInstances: 2 } },
    { zoneWeights: { a: 3, b: 1 } },
    { priority: true },
  ]
  for (const scopes of parts) {
    it(`does not begin in one part that others help out: ${Object.keys(scopes)}`, () => {
      assert.equal(toSick(scopes, 3).get('sick'), undefined)
    })
  }

  it('turns zones off: all are chosen from alike', () => {
    for (const scopes of parts.slice(0, 2)) {
      const policy = policyIn({ ...scopes, panic: 50 })
      const asked = request(new Set(halves.slice(1, 7)))
      near(countPicks(PICKS, () => endpoint(policy.pick(halves, asked)!.meta!['zone']!)).get('a'), 1 / 2)
      assert.equal(policy.outside?.(halves, asked).size, 0)
    }
  })
})

describe('slow start', () => {
  it('raises a newcomer’s share along the curve, and does not throttle those there at the start', () => {
    const clock = new VirtualClock()
    const policy = policyIn({ slowStart: 10 }, clock)
    const old = endpoints(9)
    near(countPicks(PICKS, () => policy.pick(old, {})).get(old[0]!.id), 1 / 9)
    const list = [...old, endpoint('new:80')]
    const share = () => countPicks(PICKS, () => policy.pick(list, {})).get('new:80')
    for (const [ms, factor] of [
      [0, 0.1],
      [5000, 0.5],
      [5000, 1],
    ] as const) {
      clock.advance(ms)
      near(share(), factor / (9 + factor))
    }
  })

  it('gives a newcomer its part of the picks where it alone is idle, too', () => {
    for (const count of [20, 40]) {
      const old = endpoints(count)
      for (const { load } of old) for (let i = 0; i < 5; i++) load.begin()
      const policy = within(
        { slowStart: 60 },
        POLICIES['least-request'],
      )({
        random: seeded(SEED),
        clock: new VirtualClock(),
      })
      policy.pick(old, {})
      const list = [...old, endpoint('new:80')]
      near(countPicks(PICKS, () => policy.pick(list, {})).get('new:80'), 0.1)
    }
  })

  it('gives a newcomer its part of the draws, however few there are to draw from', () => {
    for (const count of [1, 2, 9]) {
      const policy = within({ slowStart: 60 }, POLICIES.p2c)({ random: seeded(SEED), clock: new VirtualClock() })
      const old = endpoints(count)
      policy.pick(old, {})
      const list = [...old, endpoint('new:80')]
      near(countPicks(PICKS, () => policy.pick(list, {})).get('new:80'), 0.1 / (count + 1))
    }
  })

  it('begins anew for one that comes back from ejection', () => {
    const clock = new VirtualClock()
    const policy = policyIn({ slowStart: { windowS: 10, minPercent: 20 } }, clock)
    const list = endpoints(10)
    for (let i = 0; i < 200; i++) policy.pick(list, request(new Set([list[0]!])))
    near(countPicks(PICKS, () => policy.pick(list, request(new Set()))).get(list[0]!.id), 0.2 / 9.2)
  })

  it('takes no newcomer for a sick one: there is no panic because many have come', () => {
    const policy = policyIn({ slowStart: 10, panic: 50 })
    const old = endpoints(1)
    policy.pick(old, {})
    const list = [...old, ...Array.from({ length: 9 }, (_, i) => endpoint(`new-${i}:80`))]
    // As little of them as at the start of the curve: 1 of 1 + 9 × 0.1.
    near(countPicks(PICKS, () => policy.pick(list, {})).get(old[0]!.id), 1 / 1.9)
  })

  it('moves a key to a newcomer once, and never back', () => {
    const clock = new VirtualClock()
    const policy = within({ slowStart: 60 }, POLICIES.rendezvous)({ random: seeded(SEED), clock })
    const old = endpoints(4)
    policy.pick(old, {})
    const list = [...old, endpoint('new:80')]
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
    let before = new Set<string>()
    for (let second = 0; second <= 60; second += 5) {
      const moved = new Set(keys.filter((hashKey) => policy.pick(list, { hashKey })!.id === 'new:80'))
      assert.ok(
        [...before].every((key) => moved.has(key)),
        `at ${second} s`,
      )
      before = moved
      clock.advance(5000)
    }
    assert.ok(before.size > 30)
  })
})

describe('scopes', () => {
  for (const [key, value] of Object.entries({
    slowStart: 10,
    priority: true,
    zone: { own: 'a', minInstances: 2 },
    zoneWeights: { a: 1, b: 2 },
    panic: 50,
  })) {
    it(`${key}: asks who is healthy once for each snapshot and function, and not with each pick`, () => {
      const list = Array.from({ length: 200 }, (_, i) =>
        withMeta(`h${i}:80`, { zone: i % 2 ? 'a' : 'b', priority: `${i % 2}` }),
      )
      let asked = 0
      const healthy = (one: Endpoint) => ++asked > 0 && one !== list[3]
      const policy = policyIn({ [key]: value })
      for (let i = 0; i < 500; i++) policy.pick(list, { healthy })
      assert.ok(asked >= 200 && asked <= 400, `asked ${asked} times`)
      asked = 0
      policy.pick(list.slice(1), { healthy })
      assert.ok(asked >= 199, 'others are there')
    })
  }
})
