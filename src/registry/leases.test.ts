import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { GRACE_MS, Leases } from './leases.ts'

/** Its timers can be late, as after a standstill of the process. */
class LateClock extends VirtualClock {
  lateMs = 0
  override monotonic(): number {
    return super.monotonic() + this.lateMs
  }
}

function bench() {
  const clock = new LateClock()
  const lost: string[] = []
  const leases = new Leases({ clock, log: silentLogger, lost: (id) => lost.push(id) })
  const hold = (...ids: string[]) => leases.hold(ids, () => {})
  return { clock, lost, leases, hold }
}

test('what breaks and does not come back within the grace is lost', () => {
  const { clock, lost, hold } = bench()
  const breaks = hold('a', 'b')
  hold('c')
  breaks()
  clock.advance(GRACE_MS - 1)
  assert.deepEqual(lost, [])
  hold('b')
  clock.advance(1)
  assert.deepEqual(lost, ['a'])
})

test('of two connections for one check the last one counts', () => {
  const { clock, lost, hold } = bench()
  const [first, second] = [hold('a'), hold('a')]
  first()
  clock.advance(1000)
  assert.deepEqual(lost, [])
  second()
  clock.advance(1000)
  assert.deepEqual(lost, ['a'])
})

test('when most break at once it is not the instances that died', () => {
  const { clock, lost, hold } = bench()
  const all = Array.from({ length: 9 }, (_, i) => hold(`c${i}`))
  for (const breaks of all.slice(0, 4)) breaks()
  clock.advance(GRACE_MS)
  assert.equal(lost.length, 4)
  for (const breaks of all.slice(4)) breaks()
  clock.advance(GRACE_MS)
  assert.equal(lost.length, 4)
})

test('a registry that stood still, or ends, blames nobody for it', () => {
  const { clock, lost, leases, hold } = bench()
  const [a, b, c] = [hold('a'), hold('b'), hold('c')]
  // The process was stopped: its timers run late, and meanwhile the instance has gone to another registry.
  clock.advance(400)
  clock.lateMs = 5000
  a()
  clock.advance(GRACE_MS)
  assert.deepEqual(lost, [])
  clock.advance(2000)
  b()
  clock.advance(GRACE_MS)
  assert.deepEqual(lost, ['b'])
  leases.close()
  c()
  clock.advance(10_000)
  assert.deepEqual(lost, ['b'])
})
