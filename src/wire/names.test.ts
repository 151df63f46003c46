import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import { fieldName, hashed } from './names.ts'

function nameIn(bytes: Buffer, from: number, to: number): string {
  let hash = 0
  for (let at = from; at < to; at++) hash = hashed(hash, bytes[at]!)
  return fieldName(bytes, from, to, hash)
}

test('a name is what stands there, whatever came before at its place of the table', (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now() % 2 ** 31)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  for (let i = 0; i < 50_000; i++) {
    const name = Array.from({ length: 1 + below(random, 50) }, () => 'aAbB-'[below(random, 5)]).join('')
    const bytes = Buffer.from(`x${name}: y`)
    assert.equal(nameIn(bytes, 1, 1 + name.length), name)
  }
})

test('case is kept', () => {
  for (const name of ['x-own-thing', 'X-Own-Thing', 'X-OWN-THING'])
    assert.equal(nameIn(Buffer.from(name), 0, name.length), name)
})
