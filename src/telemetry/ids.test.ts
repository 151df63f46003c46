import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, newUuid } from './ids.ts'

test('ids have their length, and none comes twice, over many slabs', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 3_000; i++) {
    const [long, short] = [newId(16), newId(8)]
    assert.match(long, /^[0-9a-f]{32}$/)
    assert.match(short, /^[0-9a-f]{16}$/)
    seen.add(long).add(short)
  }
  assert.equal(seen.size, 6_000)
})

test('UUIDs are of version 4, and none comes twice, over many slabs', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 3_000; i++) {
    const uuid = newUuid()
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    seen.add(uuid)
  }
  assert.equal(seen.size, 3_000)
})
