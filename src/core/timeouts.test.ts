import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, VirtualClock } from './clock.ts'
import { below, seeded } from './random.ts'
import { type Timed, Timeouts } from './timeouts.ts'

function timed(clock: Clock, ms: number, run: () => void): Timed {
  return { place: -1, dueAt: clock.monotonic() + ms, expired: run }
}

test('each comes at its time, unless it is taken back', (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now())
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const clock = new VirtualClock()
  const timeouts = new Timeouts(clock)
  const waiting = new Set<Timed>()
  let came = 0
  for (let i = 0; i < 3_000; i++) {
    const one = timed(clock, below(random, 500), () => {
      assert.ok(waiting.delete(one), 'told of one that was taken back, or twice')
      assert.ok(Math.abs(clock.monotonic() - one.dueAt) <= 1)
      came++
    })
    waiting.add(one)
    timeouts.add(one)
    if (random() < 0.5) {
      const [first] = waiting
      waiting.delete(first!)
      timeouts.delete(first!)
    }
    clock.advance(below(random, 20))
    for (const { dueAt } of waiting) assert.ok(dueAt > clock.monotonic(), 'one that is due has not come')
  }
  assert.ok(came > 100)
})

test('one that is set while others come is not lost', () => {
  const clock = new VirtualClock()
  const timeouts = new Timeouts(clock)
  const came: string[] = []
  const second = () => timeouts.add(timed(clock, 10, () => came.push('second')))
  timeouts.add(timed(clock, 100, () => came.push('late')))
  timeouts.add(
    timed(clock, 10, () => {
      came.push('first')
      second()
    }),
  )
  clock.advance(50)
  assert.deepEqual(came, ['first', 'second'])
  clock.advance(50)
  assert.deepEqual(came, ['first', 'second', 'late'])
})

test('one that throws does not take the others along, nor does one that takes another back', () => {
  const clock = new VirtualClock()
  const timeouts = new Timeouts(clock)
  const came: string[] = []
  const taken = timed(clock, 10, () => came.push('taken'))
  timeouts.add(
    timed(clock, 10, () => {
      timeouts.delete(taken)
      throw new Error('a mistake')
    }),
  )
  timeouts.add(taken)
  timeouts.add(timed(clock, 10, () => came.push('other')))
  assert.throws(() => clock.advance(10), /a mistake/)
  clock.advance(1)
  assert.deepEqual(came, ['other'])
})

test('without any, no timer runs', () => {
  const clock = new VirtualClock()
  let running = 0
  const counting: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after(ms, run) {
      running++
      let over = false
      const end = () => {
        if (!over) running--
        over = true
      }
      const timer = clock.after(ms, () => {
        end()
        run()
      })
      return {
        cancel() {
          end()
          timer.cancel()
        },
      }
    },
  }
  const timeouts = new Timeouts(counting)
  const one = timed(clock, 100, () => {})
  timeouts.add(one)
  timeouts.add(timed(clock, 50, () => {}))
  assert.equal(running, 1)
  clock.advance(60)
  timeouts.delete(one)
  assert.equal(running, 0)
})
