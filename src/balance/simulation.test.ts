/**
 * The policies under load, against figures known from simulation (ten FIFO endpoints, exponential service). In units of the mean
 * service time, p99 at load 0.8: random 23.6, round robin 13.4, P2C 8.0, P2C on peak EWMA 9.3, least request 5.9.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SEED } from './kit.suite.ts'
import { type Model, simulate } from './simulation.suite.ts'

const SERVICE_MS = 100
const run = (model: Pick<Model, 'policy' | 'load' | 'serviceMs' | 'utilisation'>) =>
  simulate({ requests: 60_000, seed: SEED, ...model })

describe('ten equal endpoints at load 0.8', () => {
  const at = (policy: Model['policy'], load: Model['load'] = 'in-flight') =>
    run({ policy, load, serviceMs: Array(10).fill(SERVICE_MS), utilisation: 0.8 }).p99Ms / SERVICE_MS

  it('wait least with least request, then P2C, then round robin, then random', () => {
    const p99 = {
      random: at('random'),
      turns: at('round-robin'),
      p2c: at('p2c'),
      ewma: at('p2c', 'peak-ewma'),
      least: at('least-request'),
    }
    const shown = JSON.stringify(p99)
    assert.ok(p99.least < p99.p2c && p99.p2c < p99.turns && p99.turns < p99.random, shown)
    for (const [measured, known] of [
      [p99.p2c, 8.0],
      [p99.ewma, 9.3],
      [p99.least, 5.9],
    ] as const) {
      assert.ok(Math.abs(measured - known) < known * 0.25, shown)
    }
  })
})

describe('one of ten endpoints five times slower, load 0.7', () => {
  const slowOne = [SERVICE_MS * 5, ...Array(9).fill(SERVICE_MS)]
  const cases = [
    ['p2c', 'in-flight', 0.28],
    ['least-request', 'in-flight', 0.27],
    ['p2c', 'peak-ewma', 0.21],
  ] as const
  for (const [policy, load, share] of cases) {
    it(`gets about ${share} of an even share from ${policy} on ${load}`, () => {
      const { shares, p99Ms } = run({ policy, load, serviceMs: slowOne, utilisation: 0.7 })
      assert.ok(Math.abs(shares[0]! - share) < share * 0.2, `share ${shares[0]}`)
      assert.ok(p99Ms < 25 * SERVICE_MS, `p99 ${p99Ms} ms`)
    })
  }

  it('is fed without regard by round robin: its queue grows without end', () => {
    const { shares, p99Ms } = run({ policy: 'round-robin', load: 'in-flight', serviceMs: slowOne, utilisation: 0.7 })
    assert.equal(Math.round(shares[0]! * 100), 100)
    assert.ok(p99Ms > 1000 * SERVICE_MS)
  })
})
