import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SEED, vectors } from './kit.suite.ts'
import { createRetryBudget, retriesAllowed } from './retry-budget.ts'

const { envoy } = vectors<{ envoy: { rows: [number, number, number, number][] } }>('retry-budget')

describe('retry budget', () => {
  it('allows what Envoy does', () => {
    for (const [active, percent, minimum, allowed] of envoy.rows) {
      assert.equal(retriesAllowed(active, percent, minimum), allowed)
      const budget = createRetryBudget({ percent, minimum })
      for (let i = 0; i < active; i++) budget.request()
      let granted = 0
      while (budget.retry() !== undefined) granted++
      assert.equal(granted, allowed)
    }
  })

  it('never has more retries under way than the share or the minimum at the time of asking', () => {
    const steps = fc.array(fc.constantFrom('request', 'end', 'retry', 'retryEnd'), { maxLength: 200 })
    const property = fc.property(steps, (list) => {
      const budget = createRetryBudget({ percent: 20, minimum: 2 })
      const requests: (() => void)[] = []
      const retries: (() => void)[] = []
      for (const step of list) {
        if (step === 'request') requests.push(budget.request())
        else if (step === 'end') requests.pop()?.()
        else if (step === 'retryEnd') retries.pop()?.()
        else {
          const end = budget.retry()
          assert.equal(end !== undefined, retries.length < retriesAllowed(requests.length, 20, 2))
          if (end !== undefined) retries.push(end)
        }
      }
    })
    fc.assert(property, { seed: SEED })
  })

  it('counts the end of a retry once', () => {
    const budget = createRetryBudget({ minimum: 1 })
    const end = budget.retry()!
    assert.equal(budget.retry(), undefined)
    end()
    end()
    assert.ok(budget.retry())
    assert.equal(budget.retry(), undefined)
  })
})
