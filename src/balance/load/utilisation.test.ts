import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { Load } from './contract.ts'
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

test('does not take for idle what has stopped reporting, or never has', () => {
  const clock = new VirtualClock()
  const [stopped, never] = [utilisation({ clock }), utilisation({ clock })]
  const answer = (load: Load) => {
    load.begin()
    load.end(5)
  }
  stopped.report!(0.4)
  answer(stopped)
  clock.advance(9_999)
  answer(stopped)
  assert.ok(stopped.cost() < 0.4, 'it has said so lately')
  clock.advance(1)
  for (let second = 0; second < 100; second++) {
    for (const load of [stopped, never]) {
      answer(load)
      assert.equal(load.cost(), 1)
    }
    clock.advance(1000)
  }
  stopped.report!(0.4)
  assert.equal(stopped.cost(), 0.4)
})

test('forgets its report when the endpoint was ejected', () => {
  const load = utilisation({ clock: new VirtualClock() })
  load.report!(0.2)
  load.forget()
  assert.equal(load.cost(), 0)
})
