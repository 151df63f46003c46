import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { vectors } from '../kit.suite.ts'
import { peakEwma } from './peak-ewma.ts'

type Step =
  | { op: 'load'; atMs: number; pending: number; expect: number }
  | { op: 'start'; atMs: number }
  | { op: 'end'; atMs: number; rttMs: number }

const { decay, average, stories } = vectors<{
  decay: { rows: [number, number, number, number][] }
  average: { rows: [number, number, number, number, number][] }
  stories: { variant: string; tauMs: number; initialRttMs: number; steps: Step[] }[]
}>('peak-ewma')

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${actual} instead of ${expected}`)
}

describe('peak EWMA', () => {
  it('decays as in the table', () => {
    for (const [tauMs, initialMs, dtMs, expected] of decay.rows) {
      const clock = new VirtualClock()
      const load = peakEwma({ clock, tauMs, initialMs })
      clock.advance(dtMs)
      near(load.cost(), expected)
    }
  })

  it('averages as in the table', () => {
    for (const [tauMs, initialMs, dtMs, sample, expected] of average.rows) {
      const clock = new VirtualClock()
      const load = peakEwma({ clock, tauMs, initialMs })
      clock.advance(dtMs)
      load.end(sample)
      near(load.cost(), expected)
    }
  })

  for (const [number, { tauMs, initialRttMs, steps }] of stories.filter((s) => s.variant === 'pure-read').entries()) {
    it(`tells story ${number} with pure reads`, () => {
      const clock = new VirtualClock()
      const load = peakEwma({ clock, tauMs, initialMs: initialRttMs })
      for (const step of steps) {
        clock.advance(step.atMs - clock.monotonic())
        if (step.op === 'start') load.begin()
        else if (step.op === 'end') load.end(step.rttMs)
        else {
          assert.equal(load.inFlight, step.pending)
          near(load.cost(), step.expect)
        }
      }
    })
  }

  it('tries a newcomer with one request, and takes its first answer as the estimate', () => {
    const clock = new VirtualClock()
    const load = peakEwma({ clock })
    assert.equal(load.cost(), 0)
    load.begin()
    assert.ok(load.cost() > 1_000_000)
    const first = load.cost()
    load.begin()
    assert.ok(load.cost() > first)
    load.end(undefined)
    assert.equal(load.cost(), first)
    clock.advance(80)
    load.end(80)
    assert.equal(load.cost(), 80)
  })

  it('begins anew after it was told to forget, and learns nothing from requests of before', () => {
    const clock = new VirtualClock()
    const load = peakEwma({ clock })
    for (let i = 0; i < 3; i++) load.begin()
    load.end(1700)
    load.forget()
    load.end(1700)
    load.end(1700)
    assert.equal(load.inFlight, 0)
    assert.equal(load.cost(), 0)
    load.begin()
    load.end(4)
    assert.equal(load.cost(), 4)
  })

  it('records neither a negative latency nor one that is no number', () => {
    const load = peakEwma({ clock: new VirtualClock(), initialMs: 7 })
    for (const latency of [Number.NaN, -1, Number.POSITIVE_INFINITY]) load.end(latency)
    assert.equal(load.cost(), 7)
  })

  it('rises by a request that was given up, and never falls', () => {
    const load = peakEwma({ clock: new VirtualClock() })
    for (const [ms, cost] of [
      [100, 100],
      [40, 100],
      [250, 250],
    ] as const) {
      load.begin()
      load.end(ms, true)
      assert.equal(load.cost(), cost)
    }
  })
})
