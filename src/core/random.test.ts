import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextWord, seeded, systemRandom, xoshiro } from './random.ts'

/** The first outputs for the state 1, 2, 3, 4 of the authors' C program. */
const KNOWN = [
  641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420,
]

describe('xoshiro128++', () => {
  it('gives the published sequence', () => {
    const state = Int32Array.of(1, 2, 3, 4)
    assert.deepEqual(
      KNOWN.map(() => nextWord(state) >>> 0),
      KNOWN,
    )
  })

  it('makes a number in [0, 1) of 53 bits of two outputs, the first on top', () => {
    const [high, low] = KNOWN as [number, number]
    assert.equal(
      xoshiro(Int32Array.of(1, 2, 3, 4))(),
      (Math.floor(high / 32) * 2 ** 26 + Math.floor(low / 64)) / 2 ** 53,
    )
  })
})

describe('the random numbers of a process', () => {
  for (const [name, random] of Object.entries({ systemRandom, seeded: seeded(7) })) {
    it(`${name}: each sixteenth of [0, 1) as often as any other, and so for two in a row`, () => {
      const counts = new Array<number>(256).fill(0)
      for (let i = 0; i < 256_000; i++) {
        const pair = Math.floor(random() * 16) * 16 + Math.floor(random() * 16)
        counts[pair]!++
      }
      // χ² with 255 degrees of freedom: above 383 once in ten million times.
      const chi2 = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
      assert.ok(chi2 < 383, String(chi2))
    })
  }

  it('starts elsewhere in each process', async () => {
    const another: typeof import('./random.ts') = await import(`./random.ts?${'another'}`)
    assert.notEqual(another.systemRandom(), systemRandom())
  })
})
