import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { Latency, Scenario } from './contract.ts'
import { SCENARIOS, scenarioNamed } from './scenarios.ts'
import { simulate } from './simulate.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
console.log(`SKEIN_SEED=${SEED}`)
const run = (name: string, balance: BalanceConfig, requests = 20_000, utilisation = 0.7) =>
  simulate({ scenario: scenarioNamed(name, { requests, utilisation }), balance, seed: SEED })

describe('simulate', () => {
  it('gives the same result for the same seed, and another for another', () => {
    const scenario = scenarioNamed('hung', { requests: 2000 })
    const of = (seed: number) => simulate({ scenario, balance: 'p2c', seed })
    assert.deepEqual(of(SEED), of(SEED))
    assert.notDeepEqual(of(SEED), of(SEED + 1))
  })

  it('waits as queueing theory says: one server, exponential work, half used, twice the work’s mean', () => {
    const scenario: Scenario = {
      name: 'one server',
      instances: [{ id: 'one', latency: { kind: 'exponential', meanMs: 10 } }],
      utilisation: 0.5,
      requests: 200_000,
    }
    const { meanMs } = simulate({ scenario, balance: 'p2c', seed: SEED })
    assert.ok(Math.abs(meanMs - 20) < 1, `mean ${meanMs}`)
  })

  it('shows what a hedge does to the slow tail, and what it costs', () => {
    const scenario = scenarioNamed('tail', { requests: 40_000, utilisation: 0.3 })
    const plain = simulate({ scenario, balance: 'p2c', seed: SEED })
    const hedged = simulate({ scenario, balance: 'p2c', hedge: { delayMs: 'p95' }, seed: SEED })
    assert.equal(plain.hedges, 0)
    assert.ok(hedged.p999Ms < plain.p999Ms * 0.8, `p99.9 ${hedged.p999Ms} instead of ${plain.p999Ms}`)
    assert.ok(hedged.hedges > 0 && hedged.hedges <= 0.08 * hedged.requests, `${hedged.hedges} hedges`)
    assert.equal(hedged.attempts, hedged.requests + hedged.hedges)
  })

  it('ranks the policies as the reference does: least request, P2C, round robin, random', () => {
    const p99 = (balance: BalanceConfig) => run('equal', balance, 60_000, 0.8).p99Ms
    const all = (['least-request', { policy: 'p2c', load: 'in-flight' }, 'round-robin', 'random'] as const).map(p99)
    assert.deepEqual(
      all,
      [...all].sort((a, b) => a - b),
    )
  })

  it('keeps load off a slow instance', () => {
    const { byInstance, requests } = run('slow', 'p2c')
    assert.ok((byInstance['i0']! * 10) / requests < 0.35, `${byInstance['i0']} of ${requests}`)
  })

  it('keeps load off an instance that fails far more often than the others', () => {
    const scenario = scenarioNamed('flaky', { requests: 50_000 })
    for (const balance of ['round-robin', 'random'] as const) {
      const { byInstance, attempts } = simulate({ scenario, balance, seed: SEED })
      const share = (byInstance['i0']! * 10) / attempts
      // Half of the time it is whole. By failures in a row, of which five are rare, it would keep 0.98.
      assert.ok(share < 0.88, `${balance}: ${share}`)
    }
  })

  for (const name of ['killed', 'hung', 'failing']) {
    it(`loses no call when one instance is ${name}`, () => assert.equal(run(name, 'p2c').failed, 0))
  }

  it('counts the keys that move with members: only those that must on a ring', () => {
    const { movedKeys, needlesslyMoved } = run('scale', { policy: 'hash', on: 'ip' }, 5000)
    assert.equal(needlesslyMoved, 0)
    assert.ok(movedKeys! > 0.05 && movedKeys! < 0.15, `${movedKeys}`)
    assert.ok(run('scale', 'ip-hash', 5000).needlesslyMoved! > 0.5)
    assert.equal(run('scale', 'p2c', 5000).movedKeys, undefined)
  })

  it('runs every scenario', () => {
    for (const name of Object.keys(SCENARIOS)) assert.equal(run(name, 'p2c', 500).requests, 500)
  })

  it('refuses a scenario that makes no sense, and says which', () => {
    const scenario = scenarioNamed('equal', { requests: 10 })
    const [first] = scenario.instances
    const cases: [Partial<Scenario>, RegExp][] = [
      [{ instances: [] }, /scenario "equal": it has no instances at the start/],
      [{ instances: [first!, first!] }, /two instances have the same id/],
      [{ utilisation: 0 }, /utilisation 0 is not above 0/],
      [{ requests: 0.5 }, /requests 0\.5 is not a whole number/],
      [{ utilisation: Number.POSITIVE_INFINITY }, /utilisation Infinity is not above 0/],
      [
        { callers: 0, keys: 1.5, attempts: 0, attemptTimeoutMs: -1 },
        /callers 0 .*; keys 1\.5 .*; attempts 0 .*; attemptTimeoutMs -1 /,
      ],
      [
        { instances: [{ ...first!, concurrency: 0 }] },
        /instance "i0": concurrency 0 is not a whole number from 1 to 10000/,
      ],
      [{ instances: [{ ...first!, weight: -1 }] }, /instance "i0": weight -1 is not a whole number from 0 to 65535/],
      [
        { instances: [{ ...first!, latency: { kind: 'exponential', meanMs: 0 } }] },
        /latency .*"meanMs":0.* is none of/,
      ],
      [{ instances: [{ ...first!, latency: { kind: 'pareto' } as unknown as Latency }] }, /latency .*pareto/],
      [{ events: [{ atMs: 1, do: 'kill', instance: 'nobody' }] }, /an event names instance "nobody"/],
      [
        {
          events: [
            { atMs: 2, do: 'add', instance: { ...first!, id: 'x' } },
            { atMs: 1, do: 'hang', instance: 'x' },
          ],
        },
        /an event names instance "x", which it does not have yet at that time/,
      ],
      [{ events: [{ atMs: Number.NaN, do: 'kill', instance: 'i0' }] }, /an event's atMs NaN is no time/],
      [{ events: [{ atMs: 1, do: 'slow', instance: 'i0', factor: 0 }] }, /an event's factor 0 is not above 0/],
      [{ events: [{ atMs: 1, do: 'flaky', instance: 'i0', part: 1.1 }] }, /an event's part 1\.1 is not above 0/],
      [{ events: [{ atMs: 1, do: 'explode' as 'kill', instance: 'i0' }] }, /an event does "explode" \(known: kill, /],
      [{ events: [1, 2].map((atMs) => ({ atMs, do: 'remove', instance: 'i0' })) }, /instance "i0" is removed twice/],
    ]
    for (const [change, message] of cases) {
      assert.throws(() => simulate({ scenario: { ...scenario, ...change }, balance: 'p2c' }), message)
    }
    assert.throws(() => scenarioNamed('toString'), /no scenario "toString" \(known: equal, /)
    assert.throws(() => simulate({ scenario, balance: 'p3c' as 'p2c' }), /unknown policy "p3c"/)
    assert.throws(() => simulate({ scenario, balance: 'p2c', seed: 1.5 }), /seed 1\.5 is not a whole number/)
    const hedge = { delayMs: 'p50' as 'p95' }
    assert.throws(() => simulate({ scenario, balance: 'p2c', hedge }), /hedge: delayMs: "p50" is neither/)
  })
})
