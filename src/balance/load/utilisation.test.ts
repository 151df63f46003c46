import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { utilisation } from './utilisation.ts'

test('costs what was reported last, times the requests waiting, and less as the report gets older', () => {
  const clock = new VirtualClock()
  const load = utilisation({ clock })
  load.report!(0.9)
  load.report!(0.5)
  assert.equal(load.cost(), 0.5)
  load.begin()
  assert.equal(load.cost(), 1)
  load.end(3)
  clock.advance(10_000)
  assert.ok(Math.abs(load.cost() - 0.5 / Math.E) < 1e-12)
  clock.advance(1e9)
  assert.equal(load.cost(), 0.01)
})

test('counts requests where nothing, or nothing sensible, was reported', () => {
  const load = utilisation({ clock: new VirtualClock() })
  for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY]) load.report!(wrong)
  assert.equal(load.cost(), 0)
  load.begin()
  assert.ok(load.cost() > 1000)
  load.end(5)
  load.begin()
  assert.equal(load.cost(), 2)
})

test('forgets its report when the endpoint was ejected', () => {
  const load = utilisation({ clock: new VirtualClock() })
  load.report!(0.2)
  load.forget()
  assert.equal(load.cost(), 0)
})
