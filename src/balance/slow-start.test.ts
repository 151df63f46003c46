import assert from 'node:assert/strict'
import { it } from 'node:test'
import { vectors } from './kit.suite.ts'
import { slowStartFactor } from './slow-start.ts'

const { envoy } = vectors<{ envoy: { rows: [number, number, number, number, number][] } }>('slow-start')

it("slow start grows as Envoy's does", () => {
  for (const [windowS, aggression, minPercent, age, factor] of envoy.rows) {
    const actual = slowStartFactor(age, { windowS, aggression, minPercent })
    assert.ok(Math.abs(actual - factor) <= 1e-9, `after ${age} s of ${windowS}: ${actual} instead of ${factor}`)
  }
})
