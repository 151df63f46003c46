/** What every kind of check must do; each runs it by one line in kinds.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { CheckDefinition } from '../state/records.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { Store } from '../store.ts'
import type { CheckResult } from './contract.ts'
import { CHECK_KINDS } from './kinds.ts'

export interface KindUnderTest {
  /** A definition whose check turns critical by itself, its period 10 s. */
  readonly failing: CheckDefinition
}

/** A check on a virtual clock, and what it reported. */
export function startCheck(
  kind: string,
  definition: CheckDefinition,
  random = 0.5,
  store = new Store(new MemoryStorage()),
) {
  const clock = new VirtualClock()
  const results: CheckResult[] = []
  let heard: (() => void) | undefined
  const report = (result: CheckResult) => {
    results.push(result)
    heard?.()
  }
  const running = CHECK_KINDS[kind]!(definition, '', report, { clock, random: () => random, store, node: 'n1' })
  /** Lets time pass, then waits until there are so many results. */
  const until = async (ms: number, count: number) => {
    clock.advance(ms)
    while (results.length < count) await new Promise<void>((resolve) => (heard = resolve))
    // A probe arms its next run just before it reports.
    await new Promise(setImmediate)
    return results
  }
  return { clock, results, running, until }
}

export function testKind(kind: string, { failing }: KindUnderTest): void {
  test(`${kind}: reports nothing before time has passed`, async () => {
    const { results, running } = startCheck(kind, failing)
    await new Promise(setImmediate)
    assert.deepEqual(results, [])
    running.stop()
  })

  test(`${kind}: a failure is critical, with a reason`, async () => {
    const { until, running } = startCheck(kind, failing)
    const [result] = await until(10_000, 1)
    assert.equal(result?.status, 'critical')
    assert.notEqual(result?.output, '')
    running.stop()
  })

  test(`${kind}: goes on reporting`, async () => {
    const { until, running } = startCheck(kind, failing)
    await until(10_000, 1)
    await until(10_000, 2)
    running.stop()
  })

  test(`${kind}: reports nothing after stop, which may be repeated`, async () => {
    const { clock, results, running } = startCheck(kind, failing)
    running.stop()
    running.stop()
    clock.advance(60_000)
    await new Promise(setImmediate)
    assert.deepEqual(results, [])
  })
}
