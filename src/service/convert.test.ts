/** What a client writes into path and query, the service reads back: for any value, by the JSON Schema of the input. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as z from 'zod'
import { encodeInput } from '../client/encode.ts'
import { op, service } from './define.ts'
import { start } from './harness.suite.ts'
import { parseJson } from './json.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

const Input = z.object({
  id: z.string(),
  text: z.string().optional(),
  number: z.number().optional(),
  whole: z.int(),
  flag: z.boolean().optional(),
  maybe: z.boolean().nullable().optional(),
  numbers: z.array(z.number()),
  texts: z.array(z.string()).optional(),
  either: z.union([z.number(), z.boolean()]).optional(),
  nested: z.object({ a: z.array(z.number()), b: z.string() }).optional(),
  list: z.array(z.object({ x: z.number() })).optional(),
})

const text = fc.string({ unit: 'grapheme' })
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n))
const input = fc.record(
  {
    id: text.filter((id) => id !== '' && id !== '.' && id !== '..'),
    text,
    number,
    whole: fc.integer(),
    flag: fc.boolean(),
    maybe: fc.option(fc.boolean()),
    numbers: fc.array(number, { maxLength: 5 }),
    texts: fc.array(text, { minLength: 1, maxLength: 5 }),
    either: fc.oneof(number, fc.boolean()),
    nested: fc.record({ a: fc.array(number), b: text }, { noNullPrototype: true }),
    list: fc.array(fc.record({ x: number }, { noNullPrototype: true }), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['id', 'whole', 'numbers'], noNullPrototype: true },
)

const echo = service('echo', { echo: op({ route: 'GET /echo/:id', in: Input }, (value) => value) })

describe(`inputs (SKEIN_SEED=${SEED})`, () => {
  test('survive the way through path and query', async () => {
    await using it = await start(echo)
    const operation = echo['~app'].contract!.operations['echo']!
    const survives = fc.asyncProperty(input, async (value) => {
      const { status, body } = await it.ask(`GET ${encodeInput(operation, value).path}`)
      assert.equal(status, 200, JSON.stringify(body))
      assert.deepEqual(body, value)
    })
    await fc.assert(survives, { seed: SEED, numRuns: 300 })
  })

  test('JSON is read as JSON.parse reads it, unless it is refused', () => {
    const same = fc.property(fc.json(), (json) => {
      const refused = /__proto__|constructor/.test(json)
      if (!refused) assert.deepEqual(parseJson(json), JSON.parse(json))
    })
    fc.assert(same, { seed: SEED, numRuns: 2000 })
  })
})
