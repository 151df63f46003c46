import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SEED } from '../kit.suite.ts'
import { type HashPoints, type Member, type Points, pointAt, RingKeeper, withoutRepeats } from './ring.ts'
import { Word } from './word.ts'
import { xxHash64 } from './xxhash64.ts'

const scattered: HashPoints = ({ key, points }, hi, lo, at) => {
  const word = new Word()
  for (let k = 0; k < points; k++) {
    xxHash64(`${key} ${k}`, 0, word)
    hi[at + k] = word.hi
    lo[at + k] = word.lo
  }
}
/** Few different hashes, so that nearly all repeat, also in the upper half alone. */
const crowded: HashPoints = ({ key, points }, hi, lo, at) => {
  for (let k = 0; k < points; k++) {
    hi[at + k] = (key.length + k) % 3
    lo[at + k] = k % 2
  }
}

const plain = ({ hi, lo, owners, members }: Points) => Array.from(hi, (high, i) => [high, lo[i]!, members[owners[i]!]!])

/** What the ring must be, by the plainest means. */
function twin(members: readonly Member[], hash: HashPoints): number[][] {
  const all = members.flatMap((member, owner) => {
    const [hi, lo] = [new Uint32Array(member.points), new Uint32Array(member.points)]
    hash(member, hi, lo, 0)
    return Array.from(hi, (high, i) => [high, lo[i]!, owner])
  })
  return all.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!)
}

const member = fc.record({
  key: fc.constantFrom('a', 'bb', 'ccc', 'dddd', 'eeeee'),
  points: fc.integer({ max: 40, min: 0 }),
})
const history = fc.array(fc.uniqueArray(member, { selector: ({ key }) => key, maxLength: 5 }), { maxLength: 12 })

describe('a ring that is kept', () => {
  for (const [name, hash] of Object.entries({ scattered, crowded })) {
    it(`is after any changes what it would be anew (${name} hashes)`, () => {
      const property = fc.property(history, (steps) => {
        const ring = new RingKeeper(hash)
        for (const members of steps) assert.deepEqual(plain(ring.update(members)), twin(members, hash))
      })
      fc.assert(property, { seed: SEED, numRuns: 300 })
    })
  }

  it('may have a key twice', () => {
    const ring = new RingKeeper(scattered)
    const [a, b] = [
      { key: 'a', points: 3 },
      { key: 'b', points: 2 },
    ]
    for (const members of [[a, b], [a, a, b], [b, a, a], [b]]) {
      assert.deepEqual(plain(ring.update(members)), twin(members, scattered))
    }
  })

  it('finds the first point at or after a hash, and the first of all beyond the last', () => {
    const points = new RingKeeper(crowded).update([{ key: 'a', points: 6 }])
    const all = plain(points)
    for (let hi = 0; hi < 4; hi++) {
      for (let lo = 0; lo < 3; lo++) {
        const wanted = all.findIndex(([high, low]) => high! > hi || (high === hi && low! >= lo))
        assert.equal(pointAt(points, hi, lo), Math.max(0, wanted))
      }
    }
    assert.equal(pointAt(new RingKeeper(crowded).update([]), 1, 1), 0)
  })

  it('drops all but the first of equal points where that is asked for', () => {
    const members = [
      { key: 'a', points: 7 },
      { key: 'bbbb', points: 9 },
    ]
    const first = new Map(
      twin(members, crowded)
        .toReversed()
        .map((point) => [`${point[0]} ${point[1]}`, point]),
    )
    const kept = plain(withoutRepeats(new RingKeeper(crowded).update(members)))
    assert.equal(kept.length, first.size)
    for (const point of kept) assert.deepEqual(point, first.get(`${point[0]} ${point[1]}`))
  })
})
