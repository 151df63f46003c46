import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Heap } from './heap.ts'

test('gives back what a sorted list would, however pushes and pops are mixed', () => {
  const property = fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (steps) => {
    const heap = new Heap<number>((a, b) => a < b)
    const twin: number[] = []
    for (const step of steps) {
      if (step === undefined) assert.equal(heap.pop(), twin.shift())
      else {
        heap.push(step)
        twin.push(step)
        twin.sort((a, b) => a - b)
      }
      assert.equal(heap.size, twin.length)
      assert.equal(heap.peek(), twin[0])
    }
  })
  fc.assert(property, { seed: Number(process.env['SKEIN_SEED'] ?? 1) })
})
