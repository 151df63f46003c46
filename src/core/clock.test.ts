import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { sleep, systemClock, VirtualClock } from './clock.ts'

test('virtual timers run in due order at their exact time', () => {
  const clock = new VirtualClock()
  const seen: [string, number][] = []
  const note = (name: string) => () => seen.push([name, clock.monotonic()])
  clock.after(20, note('late'))
  clock.after(10, note('early'))
  clock.after(10, note('early, second'))
  clock.advance(30)
  assert.deepEqual(seen, [
    ['early', 10],
    ['early, second', 10],
    ['late', 20],
  ])
  assert.equal(clock.monotonic(), 30)
})

test('a timer set by a timer runs in the same advance when it falls due', () => {
  const clock = new VirtualClock()
  const seen: number[] = []
  clock.after(5, () => clock.after(5, () => seen.push(clock.monotonic())))
  clock.advance(9)
  assert.deepEqual(seen, [])
  clock.advance(1)
  assert.deepEqual(seen, [10])
})

test('a cancelled timer does not run', () => {
  const clock = new VirtualClock()
  clock.after(1, () => assert.fail('ran')).cancel()
  clock.advance(10)
})

test('sleep ends early with the reason of the signal', async () => {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const sleeping = sleep(1000, clock, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(sleeping, /enough/)
  await assert.rejects(sleep(1, clock, stop.signal), /enough/)
})

test('a timer of months runs when it is due, not at once', (t) => {
  const day = 24 * 3600 * 1000
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  let ran = 0
  systemClock.after(100 * day, () => ran++)
  const cancelled = systemClock.after(100 * day, () => assert.fail('ran'))
  for (let i = 1; i < 100; i++) mock.timers.tick(day)
  assert.equal(ran, 0)
  cancelled.cancel()
  // What is armed while a tick runs is armed at its end: a day late for each of the four timers.
  for (let i = 0; i < 5; i++) mock.timers.tick(day)
  assert.equal(ran, 1)
})
