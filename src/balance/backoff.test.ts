import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seeded } from '../core/random.ts'
import { backoffMs, RETRY_AFTER_MAX_MS, retryAfterMs } from './backoff.ts'
import { SEED, vectors } from './kit.suite.ts'

interface Case {
  readonly family: string
  readonly baseMs: number
  readonly maxMs: number
  readonly retry: number[]
  readonly maxExclusiveMs: number[]
  readonly meanMs: number[]
}
const { cases, retryAfter } = vectors<{
  cases: Case[]
  retryAfter: { rows: { retryAfterMs: number; minMs: number; maxExclusiveMs: number }[] }
}>('retry-backoff')

const JUST_BELOW_1 = 1 - 2 ** -53

describe('backoff', () => {
  for (const { baseMs, maxMs, retry, maxExclusiveMs, meanMs } of cases.filter((c) => c.family === 'full-jitter')) {
    it(`keeps within the bounds of base ${baseMs} and max ${maxMs} ms, with their mean`, () => {
      const random = seeded(SEED)
      for (const [i, n] of retry.entries()) {
        const bound = maxExclusiveMs[i]!
        assert.equal(
          backoffMs(() => 0, n, { baseMs, maxMs }),
          0,
        )
        assert.ok(backoffMs(() => JUST_BELOW_1, n, { baseMs, maxMs }) > bound * 0.999)
        const waits = Array.from({ length: 10_000 }, () => backoffMs(random, n, { baseMs, maxMs }))
        assert.ok(waits.every((wait) => wait >= 0 && wait < bound))
        const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
        assert.ok(Math.abs(mean - meanMs[i]!) <= meanMs[i]! * 0.03, `retry ${n}: mean ${mean}`)
      }
    })
  }

  it('is 25 to 250 ms by default', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 50].map((n) => backoffMs(() => 0.5, n)),
      [12.5, 25, 50, 100, 125, 125],
    )
  })

  it('honours Retry-After with jitter, up to a limit', () => {
    for (const { retryAfterMs: ms, minMs, maxExclusiveMs } of retryAfter.rows) {
      assert.equal(
        retryAfterMs(() => 0, ms),
        minMs,
      )
      const longest = retryAfterMs(() => 0.999, ms)!
      assert.ok(longest < maxExclusiveMs && longest > maxExclusiveMs * 0.99)
    }
    for (const ms of [-1, Number.NaN, RETRY_AFTER_MAX_MS + 1])
      assert.equal(
        retryAfterMs(() => 0, ms),
        undefined,
      )
  })
})
