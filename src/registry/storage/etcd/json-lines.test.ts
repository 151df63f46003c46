import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonLines } from './json-lines.ts'

test('values come out whole wherever the chunks are cut, also inside a character', () => {
  const values = [{ text: 'äöü\u{1f600}' }, [], { n: 1 }]
  const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join('\n'))
  for (let size = 1; size < bytes.length; size++) {
    const lines = new JsonLines()
    const found: unknown[] = []
    for (let at = 0; at < bytes.length; at += size) found.push(...lines.push(bytes.subarray(at, at + size)))
    assert.deepEqual(found, values, `chunks of ${size}`)
  }
})
