import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemRandom } from '../../core/random.ts'
import { limitSuite } from './limit.suite.ts'
import { createLimit, isLimit, LIMITS } from './limits.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? Math.floor(systemRandom() * 1e9))

describe(`limits (SKEIN_SEED=${SEED})`, () => {
  for (const [name, create] of Object.entries(LIMITS)) limitSuite(name, create, SEED)
  for (const value of [1, 8, 10_000]) limitSuite(`fixed at ${value}`, () => createLimit(value)!, SEED)
})

test('a limit is adaptive, a whole number from 1, or none', () => {
  for (const good of ['adaptive', 1, 8, false]) assert.ok(isLimit(good), String(good))
  for (const bad of ['none', 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, true, null, 'toString']) {
    assert.equal(isLimit(bad), false, String(bad))
  }
  assert.equal(createLimit(false), undefined)
})
