import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { VirtualClock } from '../core/clock.ts'
import { mayEject } from './ejection.ts'
import { SEED, vectors } from './kit.suite.ts'
import { createOutlier, type FailureKind, type Outlier, type OutlierOptions } from './outlier.ts'
import { lowRates, successRateThreshold } from './success-rate.ts'

function setUp(options: Partial<OutlierOptions> = {}) {
  const clock = new VirtualClock()
  const outlier = createOutlier({ clock, ...options })
  outlier.retain(['a', 'b', 'c'])
  return { clock, outlier }
}

function fail(outlier: Outlier, id: string, times: number, kind: FailureKind = 'status'): void {
  for (let i = 0; i < times; i++) {
    outlier.started(id)
    outlier.failed(id, kind)
  }
}

function answer(outlier: Outlier, id: string): void {
  outlier.started(id)
  outlier.answered(id)
}

describe('outlier: failures', () => {
  for (const kind of ['status', 'connection', 'timeout'] as const) {
    it(`ejects after five in a row (${kind})`, () => {
      const { outlier } = setUp()
      fail(outlier, 'a', 4, kind)
      assert.deepEqual(outlier.state('a'), { eligible: true })
      fail(outlier, 'a', 1, kind)
      assert.deepEqual(outlier.state('a'), { eligible: false, reason: 'ejected: 5 failures in a row, back in 2.0 s' })
      assert.equal(outlier.eligible('b'), true)
    })
  }

  it('begins to count anew after a success', () => {
    const { outlier } = setUp()
    for (let i = 0; i < 10; i++) {
      fail(outlier, 'a', 4)
      answer(outlier, 'a')
    }
    assert.equal(outlier.eligible('a'), true)
  })

  it('never counts a call that its caller gave up', () => {
    const { outlier } = setUp()
    for (let i = 0; i < 100; i++) {
      outlier.started('a')
      outlier.cancelled('a')
    }
    fail(outlier, 'a', 4)
    outlier.started('a')
    outlier.cancelled('a')
    assert.equal(outlier.eligible('a'), true)
  })

  it('is not ended by an answer to a request from before', () => {
    const { outlier } = setUp()
    outlier.started('a')
    fail(outlier, 'a', 5)
    outlier.answered('a')
    assert.match(outlier.state('a').reason ?? '', /^ejected: 5 failures in a row/)
  })
})

describe('outlier: rates', () => {
  /** Of each endpoint, how many of how many fail, spread so that few are in a row; then the interval is over, and each fails once more. */
  function interval(counts: readonly (readonly [failed: number, of: number])[], options: Partial<OutlierOptions> = {}) {
    const { clock, outlier } = setUp({ failures: Number.POSITIVE_INFINITY, ...options })
    const ids = counts.map((_, i) => `h${i}`)
    outlier.retain(ids)
    for (const [i, [failed, of]] of counts.entries()) {
      for (let k = 0; k < of; k++) {
        if (Math.floor((k * failed) / of) < Math.floor(((k + 1) * failed) / of)) fail(outlier, ids[i]!, 1)
        else answer(outlier, ids[i]!)
      }
    }
    assert.ok(outlier.allIn(), 'before the interval is over nothing is compared')
    clock.advance(10_000)
    for (const id of ids) fail(outlier, id, 1)
    return { clock, outlier, out: ids.filter((id) => !outlier.eligible(id)) }
  }
  const alike = (count: number, failed: number, of = 100) => Array.from({ length: count }, () => [failed, of] as const)

  it('ejects one that fails far more often than the others, and says so', () => {
    const { outlier, out } = interval([...alike(4, 2), [40, 120]])
    assert.deepEqual(out, ['h4'])
    const reason = 'ejected: 33 % of 120 requests failed, 8 % are usual, back in 2.0 s'
    assert.deepEqual(outlier.state('h4'), { eligible: false, reason })
  })

  it('does so with its next failure only, and forgets it for the next interval', () => {
    const { clock, outlier } = interval(alike(5, 0))
    for (const id of ['h0', 'h1', 'h2', 'h3', 'h4']) {
      for (let k = 0; k < 100; k++) {
        if (id === 'h4' && k % 2 === 0) fail(outlier, id, 1)
        else answer(outlier, id)
      }
    }
    clock.advance(10_000)
    for (let k = 0; k < 9; k++) answer(outlier, 'h4')
    assert.ok(outlier.allIn())
    clock.advance(10_000)
    fail(outlier, 'h4', 1)
    assert.ok(outlier.allIn())
  })

  it('leaves in whom too little is known of, or who is not far from the others', () => {
    assert.deepEqual(interval([...alike(3, 0), [50, 100]]).out, [], 'four endpoints')
    assert.deepEqual(interval([...alike(4, 0), [49, 99]]).out, [], '99 requests')
    assert.deepEqual(interval([...alike(9, 0), [9, 100]]).out, [], 'less than ten percent below')
    assert.deepEqual(interval([...alike(9, 0), [9, 100]], { gapPercent: 0 }).out, ['h9'])
    assert.deepEqual(interval([...alike(9, 0), [50, 100]], { stdevFactor: Number.POSITIVE_INFINITY }).out, [])
    assert.deepEqual(interval(alike(6, 50)).out, [], 'all fail alike')
  })

  it('ejects those that hardly do anything but fail, however many they are', () => {
    assert.deepEqual(interval([...alike(3, 85, 60), ...alike(2, 0)]).out, ['h0', 'h1', 'h2'])
    assert.deepEqual(interval([...alike(3, 42, 50), ...alike(2, 0)]).out, [], '84 %')
    assert.deepEqual(interval([...alike(3, 45, 49), ...alike(4, 0)]).out, [], '49 requests')
  })
})

describe('outlier: the way back', () => {
  it('lets one probe through when the time is over, and its answer brings the endpoint back', () => {
    const { clock, outlier } = setUp()
    fail(outlier, 'a', 5)
    clock.advance(1999)
    assert.equal(outlier.eligible('a'), false)
    clock.advance(1)
    assert.deepEqual(outlier.state('a'), { eligible: true, reason: 'ejected: 5 failures in a row, one probe decides' })
    outlier.started('a')
    assert.equal(outlier.eligible('a'), false)
    outlier.answered('a')
    assert.deepEqual(outlier.state('a'), { eligible: true })
  })

  it('ejects for longer after each failed probe, up to the longest time', () => {
    const { clock, outlier } = setUp({ maxMs: 5000 })
    fail(outlier, 'a', 5)
    for (const ms of [2000, 4000, 5000, 5000]) {
      clock.advance(ms - 1)
      assert.equal(outlier.eligible('a'), false)
      clock.advance(1)
      assert.equal(outlier.eligible('a'), true)
      fail(outlier, 'a', 1)
    }
  })

  it('lets the next one probe when the probe was cancelled', () => {
    const { clock, outlier } = setUp()
    fail(outlier, 'a', 5)
    clock.advance(2000)
    outlier.started('a')
    outlier.cancelled('a')
    assert.equal(outlier.eligible('a'), true)
  })

  it('keeps the time when requests sent in panic fail before it is over', () => {
    const { clock, outlier } = setUp()
    fail(outlier, 'a', 5)
    fail(outlier, 'a', 20)
    clock.advance(2000)
    assert.equal(outlier.eligible('a'), true)
  })

  it('keeps the time when a request sent in panic is not answered before it is over', () => {
    const { clock, outlier } = setUp()
    fail(outlier, 'a', 5)
    outlier.started('a')
    clock.advance(1500)
    assert.match(outlier.state('a').reason ?? '', /back in 0\.5 s/)
  })

  it('comes back at once when a request sent in panic is answered', () => {
    const { outlier } = setUp()
    fail(outlier, 'a', 5)
    answer(outlier, 'a')
    assert.equal(outlier.eligible('a'), true)
  })
})

describe('outlier: connection refused', () => {
  it('ejects at once, for a short time that grows', () => {
    const { clock, outlier } = setUp()
    fail(outlier, 'a', 1, 'refused')
    assert.deepEqual(outlier.state('a'), { eligible: false, reason: 'ejected: connection refused, back in 0.3 s' })
    clock.advance(250)
    fail(outlier, 'a', 1, 'refused')
    clock.advance(499)
    assert.equal(outlier.eligible('a'), false)
    clock.advance(1)
    assert.deepEqual(outlier.state('a'), { eligible: true, reason: 'ejected: connection refused, one probe decides' })
    answer(outlier, 'a')
    assert.deepEqual(outlier.state('a'), { eligible: true })
  })

  it('is not ended by the answers of a process that drains: it refuses new ones', () => {
    const { outlier } = setUp()
    outlier.started('a')
    fail(outlier, 'a', 1, 'refused')
    outlier.answered('a')
    assert.equal(outlier.eligible('a'), false)
  })
})

describe('outlier: silence', () => {
  it('ejects an endpoint that leaves requests waiting for a second without any answer', () => {
    const { clock, outlier } = setUp()
    outlier.started('a')
    clock.advance(600)
    outlier.started('a')
    clock.advance(399)
    assert.equal(outlier.eligible('a'), true)
    clock.advance(1)
    assert.equal(outlier.eligible('a'), false)
    clock.advance(200)
    assert.deepEqual(outlier.state('a'), { eligible: false, reason: 'silent for 1.2 s, back in 1.8 s' })
  })

  it('does not mind silence where nothing waits, nor one slow request among answers', () => {
    const { clock, outlier } = setUp()
    answer(outlier, 'a')
    clock.advance(60_000)
    assert.equal(outlier.eligible('a'), true)
    outlier.started('a')
    for (let i = 0; i < 20; i++) {
      clock.advance(500)
      answer(outlier, 'a')
      assert.equal(outlier.eligible('a'), true)
    }
  })

  it('ends with any answer, good or bad, and is forgiven', () => {
    for (const end of [(o: Outlier) => o.answered('a'), (o: Outlier) => o.failed('a', 'status')]) {
      const { clock, outlier } = setUp()
      for (let i = 0; i < 4; i++) {
        outlier.started('a')
        clock.advance(1500)
        assert.equal(outlier.eligible('a'), false)
        end(outlier)
        assert.equal(outlier.eligible('a'), true)
      }
      outlier.started('a')
      clock.advance(1000)
      assert.match(outlier.state('a').reason ?? '', /back in 2\.0 s/)
    }
  })

  it('stays out of a frozen process: each probe that is not answered costs a longer time', () => {
    const { clock, outlier } = setUp()
    outlier.started('a')
    clock.advance(1000)
    assert.equal(outlier.eligible('a'), false)
    outlier.failed('a', 'timeout')
    clock.advance(2000)
    assert.equal(outlier.eligible('a'), true)
    outlier.started('a')
    clock.advance(1000)
    assert.equal(outlier.eligible('a'), false)
    outlier.failed('a', 'timeout')
    clock.advance(3999)
    assert.equal(outlier.eligible('a'), false)
    clock.advance(1)
    answer(outlier, 'a')
    assert.deepEqual(outlier.state('a'), { eligible: true })
  })

  it('is seen although the callers gave up before', () => {
    const { clock, outlier } = setUp()
    outlier.started('a')
    clock.advance(1000)
    outlier.cancelled('a')
    assert.equal(outlier.eligible('a'), false)
  })

  it('is seen although each request was given up for the answer of another', () => {
    const { clock, outlier } = setUp()
    for (let i = 0; i < 9; i++) {
      outlier.started('a')
      clock.advance(100)
      outlier.outpaced('a')
      clock.advance(5000) // nothing waits
      assert.ok(outlier.allIn())
    }
    outlier.started('a')
    assert.equal(outlier.eligible('a'), true)
    clock.advance(100)
    assert.equal(outlier.allIn(), false)
    assert.equal(outlier.eligible('a'), false)
  })

  it('is refuted by an answer between requests that were given up', () => {
    const { clock, outlier } = setUp()
    for (let i = 0; i < 30; i++) {
      outlier.started('a')
      clock.advance(100)
      if (i % 5 === 4) outlier.answered('a')
      else outlier.outpaced('a')
    }
    assert.ok(outlier.allIn())
  })

  it('counts from the first request that waits, not from the last answer long ago', () => {
    const { clock, outlier } = setUp()
    answer(outlier, 'a')
    clock.advance(5000)
    outlier.started('a')
    clock.advance(900)
    assert.equal(outlier.eligible('a'), true)
  })

  it('can be switched off', () => {
    const { clock, outlier } = setUp({ silenceMs: Number.POSITIVE_INFINITY })
    outlier.started('a')
    clock.advance(1e9)
    assert.equal(outlier.eligible('a'), true)
  })
})

describe('outlier: the whole set', () => {
  it('forgets those that have left', () => {
    const { outlier } = setUp()
    fail(outlier, 'a', 5)
    outlier.retain(['b', 'c'])
    outlier.retain(['a', 'b', 'c'])
    assert.equal(outlier.eligible('a'), true)
  })

  it('knows nothing bad of one it has never seen', () => {
    const { outlier } = setUp()
    assert.deepEqual(outlier.state('new'), { eligible: true })
    outlier.failed('new', 'status')
    assert.equal(outlier.eligible('new'), true)
  })
})

describe('outlier: the reference', () => {
  const { successRate, timeline, maxEjected } = vectors<{
    successRate: { successPercent: number[]; threshold: number; ejected: number[] }[]
    timeline: {
      baseSeconds: number
      capSeconds: number
      sweepSeconds: number
      steps: [number, string, number, number | null][]
    }
    maxEjected: { rows: [number, number, number][] }
  }>('outlier-ejection')

  it("replays the timeline with Envoy's times", () => {
    const { baseSeconds, capSeconds, sweepSeconds, steps } = timeline
    const { clock, outlier } = setUp({
      baseMs: baseSeconds * 1000,
      maxMs: capSeconds * 1000,
      sweepMs: sweepSeconds * 1000,
    })
    for (const [atSeconds, event, , outUntil] of steps) {
      clock.advance(atSeconds * 1000 - clock.monotonic())
      if (event === 'eject') {
        fail(outlier, 'a', 5)
        const back = `back in ${(outUntil! - atSeconds).toFixed(1)} s`
        assert.equal(outlier.state('a').reason, `ejected: 5 failures in a row, ${back}`)
      } else if (event === 'sweep, still out') assert.equal(outlier.eligible('a'), false)
      else {
        assert.equal(outlier.eligible('a'), true)
        if (event === 'sweep, un-ejected') answer(outlier, 'a')
      }
    }
  })

  for (const { successPercent, threshold, ejected } of successRate) {
    it(`finds the success rates that the reference ejects: ${successPercent}`, () => {
      assert.ok(Math.abs(successRateThreshold(successPercent, 1.9) - threshold) < 1e-6)
      const answers = successPercent.map((percent) => ({ well: percent, failed: 100 - percent }))
      const limits = { stdevFactor: 1.9, gapPercent: 0, failurePercent: 101 }
      assert.deepEqual(
        [...lowRates(answers, limits).keys()],
        ejected.map((index) => answers[index]),
      )
    })
  }

  it('lets as many be out at once as the reference says', () => {
    for (const [hosts, maxEjectedPercent, canBeOut] of maxEjected.rows) {
      const ids = Array.from({ length: hosts }, (_, i) => `h${i}`)
      const outlier = createOutlier({ clock: new VirtualClock(), maxEjectedPercent })
      outlier.retain(ids)
      for (const id of ids) fail(outlier, id, 5)
      assert.equal(ids.filter((id) => !outlier.eligible(id)).length, canBeOut, `${hosts} hosts, ${maxEjectedPercent} %`)
    }
    assert.equal(mayEject(0, 0, 0), true)
  })
})

describe('outlier: shared with others', () => {
  function pair() {
    const clock = new VirtualClock()
    const told: string[] = []
    const there = createOutlier({ clock })
    const here = createOutlier({
      clock,
      onChange: (id, ejection) => {
        told.push(`${id} ${ejection === undefined ? 'back' : `${ejection.why} ${ejection.forMs}`}`)
        there.tell(id, ejection)
      },
    })
    for (const one of [here, there]) one.retain(['a', 'b', 'c'])
    return { clock, told, here, there }
  }

  it('is out for all as long as for the one that ejected it, and back with its answer', () => {
    const { clock, told, here, there } = pair()
    fail(here, 'a', 5)
    const reason = 'ejected: failures elsewhere, back in 2.0 s'
    assert.deepEqual(there.state('a'), { eligible: false, reason, told: true })
    clock.advance(2000)
    assert.equal(there.eligible('a'), true, 'one probe each')
    answer(here, 'a')
    assert.deepEqual(there.state('a'), { eligible: true })
    assert.deepEqual(told, ['a failures 2000', 'a back'])
  })

  it('is told of by the one that met it, also where another says the same', () => {
    const { here } = pair()
    fail(here, 'a', 5)
    here.tell('a', { why: 'failures', forMs: 3000, times: 1 })
    assert.deepEqual(here.state('a'), { eligible: false, reason: 'ejected: 5 failures in a row, back in 3.0 s' })
  })

  it('is out for what was met here, whatever another says', () => {
    const { clock, here } = pair()
    here.started('a')
    clock.advance(1000)
    assert.equal(here.eligible('a'), false)
    here.tell('a', { why: 'failures', forMs: 3000, times: 1 })
    assert.deepEqual(here.state('a'), { eligible: false, reason: 'silent for 1.0 s, back in 3.0 s' })
    here.answered('a')
    assert.deepEqual(here.state('a'), { eligible: true })
  })

  it('counts the ejections that others have told of', () => {
    const { clock, here, there } = pair()
    fail(here, 'a', 5)
    clock.advance(2000)
    fail(there, 'a', 1)
    clock.advance(3999)
    assert.equal(there.eligible('a'), false, 'the second in a row is twice as long')
    clock.advance(1)
    assert.equal(there.eligible('a'), true)
  })

  it('an answer there refutes silence here', () => {
    const { clock, here, there } = pair()
    there.started('a')
    clock.advance(1000)
    assert.equal(there.eligible('a'), false)
    here.tell('a', { why: 'silent', forMs: 2000, times: 1 })
    here.started('a')
    here.answered('a')
    assert.equal(there.eligible('a'), true)
    clock.advance(999)
    assert.equal(there.eligible('a'), true, 'silence begins anew')
  })
})

describe('outlier: all of them', () => {
  it('says that nobody is out exactly when nobody is, and whether anything changed, whatever happens', () => {
    const ids = ['a', 'b', 'c']
    const step = fc.record({
      id: fc.constantFrom(...ids),
      do: fc.constantFrom(
        'started',
        'answered',
        'cancelled',
        'outpaced',
        'refused',
        'status',
        'told out',
        'told in',
        'gone',
      ),
      ms: fc.constantFrom(0, 1, 300, 999, 2500),
    })
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { clock, outlier } = setUp()
      let seen = { version: -1, eligible: [] as boolean[] }
      for (const { id, do: what, ms } of steps) {
        if (what === 'started' || what === 'answered' || what === 'cancelled' || what === 'outpaced') outlier[what](id)
        else if (what === 'refused' || what === 'status') outlier.failed(id, what)
        else if (what === 'told out') outlier.tell(id, { why: 'failures', forMs: 500, times: 1 })
        else if (what === 'told in') outlier.tell(id, undefined)
        else outlier.retain(ids.filter((one) => one !== id))
        clock.advance(ms)
        const said = outlier.allIn()
        assert.equal(
          said,
          ids.every((one) => outlier.state(one).reason === undefined),
        )
        const version = outlier.version()
        const eligible = ids.map((one) => outlier.eligible(one))
        if (version === seen.version) assert.deepEqual(eligible, seen.eligible)
        seen = { version, eligible }
      }
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
  })

  it('counts as changed when nobody asked but for that: a probe that nobody answered, and its next', () => {
    const { clock, outlier } = setUp()
    outlier.failed('a', 'refused')
    clock.advance(250)
    outlier.started('a')
    const during = outlier.version()
    clock.advance(1000)
    const after = outlier.version()
    assert.notEqual(after, during)
    clock.advance(60_000)
    assert.notEqual(outlier.version(), after)
    assert.equal(outlier.eligible('a'), true)
  })
})
