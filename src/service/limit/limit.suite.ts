/** What every limit must keep, whatever it decides. A new one in the table is tested by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../core/random.ts'
import type { Limit } from './contract.ts'
import { always, exponential, figures, type Phase, simulate } from './simulation.suite.ts'

const STORM: readonly Phase[] = [
  { forMs: 3000, perSecond: 150, serviceMs: exponential(40), batch: 0.3 },
  { forMs: 3000, perSecond: 900, batch: 0.3 },
  { forMs: 2000, perSecond: 600, serviceMs: always(5) },
  { forMs: 2000, perSecond: 20, serviceMs: exponential(400), deadlineMs: 300 },
]

export function limitSuite(name: string, create: () => Limit, seed: number): void {
  test(`${name}: every request ends once, none is lost, the count returns to zero`, () => {
    const result = simulate({ limit: create(), random: seeded(seed), width: 8, phases: STORM })
    const arrived = [0, 1, 2, 3].reduce((sum, phase) => sum + figures(result, phase).count, 0)
    assert.equal(result.outcomes.length, arrived)
    assert.equal(result.outcomes.length, result.arrived)
    assert.equal(result.inFlight, 0)
  })

  test(`${name}: never fewer than one at a time, and never more than it says`, () => {
    const limit = create()
    const result = simulate({ limit, random: seeded(seed), width: 8, phases: STORM })
    assert.ok(result.limits.every((value) => Number.isInteger(value) && value >= 1))
    assert.equal(result.excess, 0)
  })

  test(`${name}: nobody waits for longer than a second`, () => {
    const { longestWaitMs } = simulate({ limit: create(), random: seeded(seed), width: 8, phases: STORM })
    assert.ok(longestWaitMs <= 1001, `${longestWaitMs} ms`)
  })
}
