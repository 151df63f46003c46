import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { blockingQuery, WAIT_DEFAULT_MS, WAIT_MAX_MS, withJitter } from './blocking-query.ts'
import { Refusal } from './state/refusal.ts'
import { WatchHub } from './watch-hub.ts'

function setUp(asked: number) {
  const clock = new VirtualClock()
  const hub = new WatchHub()
  const now = { index: 5, body: 'a' }
  let gone: (() => void) | undefined
  const answers: (typeof now)[] = []
  const question = {
    resources: ['r'],
    read: () => ({ ...now }),
    isNews: (reading: typeof now) => asked <= 0 || reading.index > asked,
    isSame: (first: typeof now, reading: typeof now) => first.index === asked && first.body === reading.body,
  }
  const onGone = (run: () => void) => {
    gone = run
    return () => {
      gone = undefined
    }
  }
  const start = (waitMs?: number) =>
    blockingQuery(question, waitMs, { hub, clock, random: () => 0, onGone }).then((answer) => answers.push(answer))
  return { clock, hub, now, answers, start, leave: () => gone?.(), settle: () => new Promise(setImmediate) }
}

const waits: [string, number, number | undefined, number][] = [
  ['B1 without an index it answers at once', 0, 1000, 0],
  ['B3 an older index is answered at once', 4, 1000, 0],
  ['B4 the same index sleeps until the deadline', 5, 1000, 1000],
  ['B3 an index from the future sleeps the whole wait and answers the true, lower one', 99, 1000, 1000],
  ['B2 no wait means five minutes', 5, undefined, WAIT_DEFAULT_MS],
  ['B2 a wait of zero means five minutes too', 5, 0, WAIT_DEFAULT_MS],
  ['B2 a longer wait is cut to ten minutes', 5, 3_600_000, WAIT_MAX_MS],
]
for (const [name, asked, wait, expected] of waits) {
  test(name, async () => {
    const { clock, answers, start, settle, hub } = setUp(asked)
    void start(wait)
    await settle()
    if (expected > 0) {
      clock.advance(expected - 1)
      await settle()
      assert.equal(answers.length, 0)
      clock.advance(1)
      await settle()
    }
    assert.deepEqual(answers, [{ index: 5, body: 'a' }])
    assert.equal(hub.size, 0)
  })
}

test('B2 up to a sixteenth is added at random', () => {
  assert.equal(
    withJitter(1600, () => 0),
    1600,
  )
  assert.equal(
    withJitter(1600, () => 0.5),
    1650,
  )
})

test('B3 a change of the resource answers at once; of another one it does not', async () => {
  const { now, answers, start, settle, hub } = setUp(5)
  void start()
  Object.assign(now, { index: 6, body: 'b' })
  hub.publish(['other'])
  await settle()
  assert.equal(answers.length, 0)
  hub.publish(['r'])
  await settle()
  assert.deepEqual(answers, [{ index: 6, body: 'b' }])
})

test('B5 an error is answered at once and nothing is held', async () => {
  const hub = new WatchHub()
  const read = () => {
    throw new Refusal(404, 'unknown')
  }
  const question = { resources: ['r'], read, isNews: () => false }
  const waiting = { hub, clock: new VirtualClock(), random: () => 0, onGone: () => () => {} }
  await assert.rejects(blockingQuery(question, 1000, waiting), /unknown/)
  assert.equal(hub.size, 0)
})

test('B5 an error while it is held ends it', async () => {
  const hub = new WatchHub()
  let fail = false
  const read = () => {
    if (fail) throw new Refusal(404, 'gone')
    return 1
  }
  const question = { resources: ['r'], read, isNews: () => false }
  const waiting = { hub, clock: new VirtualClock(), random: () => 0, onGone: () => () => {} }
  const held = blockingQuery(question, 1000, waiting)
  fail = true
  hub.close()
  await assert.rejects(held, /gone/)
  assert.equal(hub.size, 0)
})

test('B5 a read that fails on a wake-up ends that query and disturbs no other', async () => {
  const hub = new WatchHub()
  let fail = false
  const question = (read: () => number) => ({ resources: ['r'], read, isNews: (reading: number) => reading > 0 })
  const waiting = { hub, clock: new VirtualClock(), random: () => 0, onGone: () => () => {} }
  const failing = blockingQuery(
    question(() => {
      if (fail) throw new Refusal(404, 'gone')
      return 0
    }),
    1000,
    waiting,
  )
  const other = blockingQuery(
    question(() => (fail ? 1 : 0)),
    1000,
    waiting,
  )
  fail = true
  hub.publish(['r'])
  await assert.rejects(failing, /gone/)
  assert.equal(await other, 1)
  assert.equal(hub.size, 0)
})

test('B7 a client that goes away frees its watcher at once', async () => {
  const { start, settle, hub, leave } = setUp(5)
  void start()
  await settle()
  assert.equal(hub.size, 1)
  leave()
  assert.equal(hub.size, 0)
})

test('B9 a change that leaves the answer as it is keeps it asleep; the index at the deadline is the new one', async () => {
  const { clock, now, answers, start, settle, hub } = setUp(5)
  void start(1000)
  now.index = 6
  hub.publish(['r'])
  await settle()
  assert.equal(answers.length, 0)
  clock.advance(1000)
  await settle()
  assert.deepEqual(answers, [{ index: 6, body: 'a' }])
})

test('closing answers everything that is held, and later queries at once', async () => {
  const { answers, start, settle, hub } = setUp(5)
  void start()
  void start()
  hub.close()
  void start()
  await settle()
  assert.equal(answers.length, 3)
})

test('a key wakes those who wait for one of its prefixes, and nobody else', () => {
  const hub = new WatchHub()
  const woken: string[] = []
  const leave = ['', 'a', 'a/', 'b', 'a/b/c'].map((prefix) => hub.add([`under:${prefix}`], () => woken.push(prefix)))
  hub.add(['key:a/x'], () => woken.push('the key'))
  hub.publish(['key:a/x'])
  assert.deepEqual(woken.sort(), ['', 'a', 'a/', 'the key'])
  for (const stop of leave) stop()
  woken.length = 0
  hub.publish(['key:a/x'])
  assert.deepEqual(woken, ['the key'])
})
