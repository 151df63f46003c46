import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SortedKeys } from './sorted-keys.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 20_261_122)

const inBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('keys stay in the order of their bytes, whatever is added and removed, in any number', () => {
  const key = fc.oneof(
    fc.nat(9999).map(String),
    fc.constantFrom('', 'a', 'a/', 'ä', '\uffff', '😀', '\ue000'),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  )
  const step = fc.record({ adds: fc.boolean(), keys: fc.array(key, { maxLength: 1500, size: 'max' }) })
  fc.assert(
    fc.property(fc.array(key), fc.array(step, { maxLength: 6 }), fc.array(key), (loaded, steps, prefixes) => {
      const keys = new SortedKeys()
      keys.load(new Set(loaded))
      const twin = new Set(loaded)
      for (const { adds, keys: changed } of steps) {
        for (const one of changed) {
          if (adds) keys.add(one)
          else keys.remove(one)
          if (adds) twin.add(one)
          else twin.delete(one)
        }
        const sorted = [...twin].sort(inBytes)
        assert.deepEqual([...keys.under('')], sorted)
        for (const prefix of prefixes) {
          assert.deepEqual(
            [...keys.under(prefix)],
            sorted.filter((one) => one.startsWith(prefix)),
          )
        }
      }
    }),
    { seed: SEED, numRuns: 60 },
  )
})

test('a large range goes from its middle, and back', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `k/${String(i).padStart(5, '0')}`)
  const keys = new SortedKeys()
  keys.load(names)
  for (const name of names.slice(5000, 15_000)) keys.remove(name)
  assert.deepEqual([...keys.under('k/')], [...names.slice(0, 5000), ...names.slice(15_000)])
  for (const name of names.slice(5000, 15_000).reverse()) keys.add(name)
  assert.deepEqual([...keys.under('k/1')], names.slice(10_000))
})
