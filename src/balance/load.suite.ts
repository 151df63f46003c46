/** What every load metric must keep. loads.test.ts runs it for each entry of LOADS. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Clock, VirtualClock } from '../core/clock.ts'
import type { Load } from './contract.ts'
import { SEED } from './kit.suite.ts'

/** What `end` may be given beside a latency: nothing, or what a bug elsewhere computed. */
const WRONG = [undefined, Number.NaN, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]

export function loadSuite(name: string, make: (options: { clock: Clock }) => Load): void {
  describe(`load ${name}`, () => {
    it('counts what has begun and not ended, however it ends', () => {
      const steps = fc.array(
        fc.oneof(fc.constant('begin' as const), fc.constantFrom(...WRONG), fc.double({ min: 0, max: 1e9 })),
      )
      const property = fc.property(steps, (list) => {
        const clock = new VirtualClock()
        const load = make({ clock })
        let count = 0
        for (const step of list) {
          clock.advance(7)
          if (step === 'begin') load.begin()
          else load.end(step)
          count = step === 'begin' ? count + 1 : Math.max(0, count - 1)
          assert.equal(load.inFlight, count)
          assert.ok(load.cost() >= 0 && load.cost() < Number.POSITIVE_INFINITY, `cost ${load.cost()}`)
        }
      })
      fc.assert(property, { seed: SEED })
    })

    it('costs more with each request that waits', () => {
      const load = make({ clock: new VirtualClock() })
      load.begin()
      load.end(20)
      let before = load.cost()
      for (let i = 0; i < 10; i++) {
        load.begin()
        assert.ok(load.cost() > before)
        before = load.cost()
      }
    })

    it('gives the same however often it is read', () => {
      const [often, once] = [new VirtualClock(), new VirtualClock()].map((clock) => ({ clock, load: make({ clock }) }))
      for (const latency of [10, 300, 20, undefined, 5]) {
        for (const { clock, load } of [often!, once!]) {
          load.begin()
          clock.advance(500)
          load.end(latency)
          clock.advance(500)
        }
        for (let i = 0; i < 5; i++) often!.load.cost()
      }
      assert.equal(often!.load.cost(), once!.load.cost())
    })

    it('learns nothing from a cancelled call', () => {
      const load = make({ clock: new VirtualClock() })
      load.begin()
      load.end(50)
      const before = load.cost()
      load.begin()
      load.end(undefined)
      assert.equal(load.cost(), before)
    })

    it('goes on counting when it is told to forget', () => {
      const load = make({ clock: new VirtualClock() })
      load.begin()
      load.begin()
      load.forget()
      assert.equal(load.inFlight, 2)
      load.end(5)
      load.end(5)
      assert.equal(load.inFlight, 0)
    })

    it('survives a clock that goes back', () => {
      let now = 1000
      const load = make({ clock: { now: () => now, monotonic: () => now, after: () => ({ cancel() {} }) } })
      for (const time of [1000, 500, 2000, 100]) {
        now = time
        load.begin()
        load.end(10)
        assert.ok(load.cost() >= 0 && load.cost() <= 10, `at ${time}: ${load.cost()}`)
      }
    })
  })
}
