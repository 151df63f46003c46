import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seeded, systemRandom } from '../../core/random.ts'
import { adaptive } from './adaptive.ts'
import { always, exponential, figures, type Phase, simulate } from './simulation.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? Math.floor(systemRandom() * 1e9))

/** 8 at a time of 40 ms each: 200 a second. */
const run = (phases: readonly Phase[], width = 8) =>
  simulate({ limit: adaptive(), random: seeded(SEED), width, phases })

describe(`the adaptive limit (SKEIN_SEED=${SEED})`, () => {
  for (const [name, serviceMs] of [
    ['all alike', always(40)],
    ['very different', exponential(40)],
  ] as const) {
    test(`three times the capacity, ${name}: all that can be done is done, the rest is told within a few ms`, () => {
      const result = run([
        { forMs: 10_000, perSecond: 150, serviceMs },
        { forMs: 30_000, perSecond: 600 },
        { forMs: 10_000, perSecond: 150 },
      ])
      const [calm, after] = [figures(result, 0), figures(result, 2, { afterMs: 2000 })]
      const storm = figures(result, 1, { afterMs: 2000 })
      assert.ok(storm.perSecond >= 185, `${storm.perSecond} a second`)
      assert.ok(storm.refusedP99 <= 12, `refused after ${storm.refusedP99} ms`)
      assert.ok(storm.p99 <= 2 * calm.p99, `p99 ${storm.p99} ms, ${calm.p99} when calm`)
      assert.ok(after.refused <= 0.02 * after.count && after.p99 <= 3 * calm.p99, JSON.stringify(after))
    })
  }

  test('an instance that begins in an overload finds its limit too', () => {
    const result = run([{ forMs: 20_000, perSecond: 600, serviceMs: always(40) }])
    const { perSecond, p99 } = figures(result, 0, { afterMs: 3000 })
    assert.ok(perSecond >= 185 && p99 <= 120, `${perSecond} a second, p99 ${p99} ms`)
  })

  test('batch work is refused first: who waits for an answer is hardly touched by it', () => {
    const result = run([
      { forMs: 10_000, perSecond: 140, serviceMs: always(40) },
      { forMs: 20_000, perSecond: 600, batch: 0.75 },
    ])
    const of = (priority: 'batch' | 'interactive') => figures(result, 1, { afterMs: 2000, priority })
    const { interactive, batch } = { interactive: of('interactive'), batch: of('batch') }
    assert.ok(interactive.refused <= 0.08 * interactive.count, JSON.stringify(interactive))
    assert.ok(batch.refused >= 0.7 * batch.count && batch.perSecond >= 20, JSON.stringify(batch))
  })

  test('a service of long waits is not held back', () => {
    const burst = run([{ forMs: 5000, perSecond: 2500, serviceMs: always(200) }], 1e6)
    const { refused, count } = figures(burst, 0, { afterMs: 1500 })
    assert.ok(refused <= 0.01 * count, `${refused} of ${count} refused`)
    const polls = run([{ forMs: 5000, perSecond: 100, serviceMs: always(30_000) }], 1e6)
    assert.equal(figures(polls, 0).refused, 0)
  })

  test('fast and slow requests side by side are no crowd', () => {
    const serviceMs = (random: () => number) => (random() < 0.1 ? 300 : 5)
    const result = run([{ forMs: 10_000, perSecond: 1000, serviceMs }], 1000)
    const { refused, count } = figures(result, 0, { afterMs: 1000 })
    assert.ok(refused <= 0.04 * count, `${refused} of ${count} refused`)
  })

  test('what has become slow for everybody is the new normal, and the limit grows with it', () => {
    const result = run(
      [
        { forMs: 10_000, perSecond: 400, serviceMs: exponential(20) },
        { forMs: 20_000, perSecond: 400, serviceMs: exponential(200) },
        { forMs: 5000, perSecond: 400 },
      ],
      1e6,
    )
    assert.ok(result.limits[1]! >= 80, `${result.limits[1]} at a time, where 80 are needed`)
    const { refused, count } = figures(result, 2)
    assert.ok(refused <= 0.05 * count, `${refused} of ${count} refused`)
  })
})
