import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bag } from './bag.ts'
import { below, seeded } from './random.ts'

test('a bag holds what was put in and not taken out, as a Set does', (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now())
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const all = Array.from({ length: 20 }, (_, id) => ({ id, place: -1 }))
  const bag = new Bag<(typeof all)[number]>()
  const model = new Set<(typeof all)[number]>()
  for (let i = 0; i < 2_000; i++) {
    const one = all[below(random, all.length)]!
    if (model.has(one)) {
      bag.delete(one)
      model.delete(one)
    } else {
      bag.add(one)
      model.add(one)
    }
    assert.equal(bag.size, model.size)
    assert.deepEqual(new Set(bag.all()), model)
  }
})

test('what is not in the bag is not taken out', () => {
  const bag = new Bag<{ place: number }>()
  const one = { place: -1 }
  bag.add({ place: -1 })
  bag.delete(one)
  assert.equal(bag.size, 1)
})
