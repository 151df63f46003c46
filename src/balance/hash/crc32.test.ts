import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { SEED } from '../kit.suite.ts'
import { crc32, crc32Word } from './crc32.ts'

describe('crc32', () => {
  it('is the checksum that zlib computes', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(crc32(text), zlibCrc32(text)))
    fc.assert(property, { seed: SEED })
    assert.equal(crc32('123456789'), 0xcbf43926)
  })

  it('continues by a little-endian word', () => {
    const property = fc.property(fc.string(), fc.nat(0xffff_ffff), (text, word) => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(word)
      assert.equal(crc32Word(crc32(text), word), zlibCrc32(bytes, zlibCrc32(text)))
    })
    fc.assert(property, { seed: SEED })
  })
})
