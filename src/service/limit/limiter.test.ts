import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { Priority } from '../../core/priority.ts'
import type { ShedReason } from './contract.ts'
import { fixed } from './fixed.ts'
import { Limiter } from './limiter.ts'
import { BURST_MS } from './line.ts'

/** A limiter whose turns of the event loop end when the test says so. */
function stage(value: number) {
  const clock = new VirtualClock()
  const turns: (() => void)[] = []
  const limiter = new Limiter({ limit: fixed(value), clock, afterTurn: (run) => void turns.push(run) })
  const log: string[] = []
  const ask = (name: string, priority: Priority = 'interactive', leftMs?: number) => {
    const since = clock.monotonic()
    const deadline = leftMs === undefined ? undefined : since + leftMs
    const verdict = limiter.ask(priority, deadline, since)
    const shed = (reason: ShedReason) => void log.push(`${name} ${reason}`)
    const waiting = { priority, since, deadline, go: () => void log.push(`${name} goes`), shed }
    if (verdict === 'wait') limiter.wait(waiting)
    else log.push(`${name} ${verdict === 'go' ? 'goes' : verdict}`)
    return waiting
  }
  const leave = (ms = 10) =>
    limiter.leave({
      operation: 'get',
      startedAt: clock.monotonic() - ms,
      endedAt: clock.monotonic(),
      inFlight: 0,
      tells: true,
    })
  /** And those after it that bring nothing new. */
  const endTurn = () => {
    for (let i = 0; i < 3; i++) {
      const before = log.length
      for (const run of turns.splice(0)) run()
      if (log.length > before) return
    }
  }
  return { clock, limiter, log, ask, leave, endTurn }
}

describe('who is worked on', () => {
  test('as many as the limit says, the others as those are done, in order', () => {
    const { log, ask, leave, endTurn } = stage(2)
    for (const name of ['a', 'b', 'c', 'd']) ask(name)
    endTurn()
    assert.deepEqual(log, ['a goes', 'b goes'])
    leave()
    endTurn()
    leave()
    assert.deepEqual(log.slice(2), ['c goes', 'd goes'])
  })

  test('who waits for an answer before batch work, whatever came first', () => {
    const { log, ask, leave, endTurn } = stage(1)
    ask('a')
    ask('batch', 'batch')
    ask('b')
    endTurn()
    leave()
    endTurn()
    leave()
    assert.deepEqual(log, ['a goes', 'b goes', 'batch goes'])
  })

  test('one in an idle instance, whatever its limit and the share of batch work', () => {
    const { log, ask } = stage(1)
    ask('a', 'batch')
    assert.deepEqual(log, ['a goes'])
  })

  test('health always', () => {
    const { log, ask, limiter } = stage(1)
    for (const name of ['a', 'b', 'c']) ask(name, 'health')
    assert.deepEqual(log, ['a goes', 'b goes', 'c goes'])
    assert.equal(limiter.inFlight, 3)
  })
})

describe('a turn of the event loop', () => {
  test('begins nothing new after 5 ms of work; then it is one after another, once nothing new comes', () => {
    const { clock, log, ask, leave, endTurn } = stage(100)
    ask('a')
    // It computes: nothing else runs meanwhile.
    clock.advance(10)
    leave()
    for (const name of ['b', 'c', 'd']) ask(name)
    assert.deepEqual(log, ['a goes'])
    for (const expected of ['b goes', 'c goes', 'd goes']) {
      endTurn()
      assert.equal(log.at(-1), expected)
      clock.advance(10)
      leave()
      assert.equal(log.at(-1), expected)
    }
  })

  test('that is still young takes on as many as there are', () => {
    const { clock, log, ask, leave, endTurn } = stage(100)
    ask('a')
    clock.advance(6)
    leave()
    for (const name of ['b', 'c', 'd']) ask(name)
    endTurn()
    clock.advance(1)
    leave()
    clock.advance(1)
    leave()
    assert.deepEqual(log, ['a goes', 'b goes', 'c goes', 'd goes'])
  })
})

describe('who is refused', () => {
  test('after half a second of waiting; and once the line has been full for so long, after 5 ms', () => {
    const { clock, log, ask, endTurn } = stage(1)
    ask('a')
    endTurn()
    ask('b')
    clock.advance(BURST_MS - 1)
    ask('c')
    assert.deepEqual(log, ['a goes'])
    clock.advance(1)
    assert.deepEqual(log, ['a goes', 'b wait'])
    clock.advance(100)
    for (const name of ['d', 'e', 'f']) ask(name)
    assert.ok(log.includes('c wait') && log.includes('f full'), log.join())
  })

  test('sooner, where there was an overload a moment ago', () => {
    const { clock, log, ask, leave, endTurn } = stage(1)
    ask('a')
    endTurn()
    ask('b')
    clock.advance(BURST_MS)
    clock.advance(1_000)
    leave()
    ask('c')
    endTurn()
    ask('d')
    clock.advance(99)
    assert.deepEqual(log, ['a goes', 'b wait', 'c goes'])
    clock.advance(1)
    assert.deepEqual(log, ['a goes', 'b wait', 'c goes', 'd wait'])
  })

  test('whose deadline has passed or cannot be met', () => {
    const { clock, log, ask, leave, endTurn } = stage(1)
    for (let i = 0; i < 500; i++) {
      ask('warm')
      endTurn()
      clock.advance(10)
      leave()
    }
    log.length = 0
    ask('a')
    endTurn()
    ask('b', 'interactive', 0)
    ask('c', 'interactive', 5)
    ask('d', 'interactive', 15)
    clock.advance(8)
    leave(8)
    assert.deepEqual(log, ['a goes', 'b deadline', 'c deadline', 'd deadline'])
  })

  test('nobody who has gone', () => {
    const { clock, log, ask, limiter, leave } = stage(1)
    ask('a')
    limiter.forget(ask('b'))
    clock.advance(200)
    leave()
    assert.deepEqual(log, ['a goes'])
    assert.equal(limiter.inFlight, 0)
  })
})
