import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SEED, vectors } from '../kit.suite.ts'
import { Word } from './word.ts'
import { xxHash64 } from './xxhash64.ts'

const { hashSelfTest } = vectors<{ hashSelfTest: [string, number, string][] }>('ring-hash-envoy')
const { cases } = vectors<{ cases: { lookups?: [string, string][] }[] }>('maglev')

describe('xxHash64', () => {
  it('gives the reference values, by seed', () => {
    for (const [text, seed, hash] of hashSelfTest) assert.equal(String(xxHash64(text, seed).toBigInt()), hash, text)
    for (const [key, hash] of cases.flatMap(({ lookups }) => lookups ?? [])) {
      assert.equal(String(xxHash64(key).toBigInt()), hash, key)
    }
  })

  it('takes texts longer than its buffer, and the same hash comes afterwards', () => {
    const before = xxHash64('abc').toBigInt()
    const long = 'é'.repeat(5000)
    assert.equal(xxHash64(long).toBigInt(), xxHash64(long).toBigInt())
    assert.notEqual(xxHash64(long).toBigInt(), xxHash64(`${long}é`).toBigInt())
    assert.equal(xxHash64('abc').toBigInt(), before)
  })
})

describe('Word', () => {
  const half = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  const word = fc.tuple(half, half)
  const mask = (1n << 64n) - 1n

  /** Compares an operation on words with the same on BigInt. */
  function agrees(
    change: (a: Word, b: Word, bits: number) => void,
    expected: (a: bigint, b: bigint, n: bigint) => bigint,
  ) {
    const property = fc.property(word, word, fc.integer({ min: 1, max: 31 }), ([ah, al], [bh, bl], bits) => {
      const a = new Word(ah, al)
      const b = new Word(bh, bl)
      const wanted = expected(a.toBigInt(), b.toBigInt(), BigInt(bits)) & mask
      change(a, b, bits)
      assert.equal(a.toBigInt(), wanted)
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
  }

  it('adds', () =>
    agrees(
      (a, b) => a.add(b),
      (a, b) => a + b,
    ))
  it('multiplies', () =>
    agrees(
      (a, b) => a.multiply(b),
      (a, b) => a * b,
    ))
  it('XORs', () =>
    agrees(
      (a, b) => a.xor(b),
      (a, b) => a ^ b,
    ))
  it('rotates', () =>
    agrees(
      (a, _, n) => a.rotateLeft(n),
      (a, _, n) => (a << n) | (a >> (64n - n)),
    ))
  it('shifts right', () =>
    agrees(
      (a, _, n) => a.xorShiftRight(n),
      (a, _, n) => a ^ (a >> n),
    ))
  it('shifts right by 32 and more', () =>
    agrees(
      (a, _, n) => a.xorShiftRight(n + 31),
      (a, _, n) => a ^ (a >> (n + 31n)),
    ))
  it('shifts left', () =>
    agrees(
      (a, _, n) => a.xorShiftLeft(n),
      (a, _, n) => a ^ (a << n),
    ))
  it('divides', () => {
    for (const size of [7, 65_536, 65_537, 655_373, 5_000_011]) {
      agrees(
        (a) => a.set(0, a.modulo(size)),
        (a) => a % BigInt(size),
      )
    }
  })
})
