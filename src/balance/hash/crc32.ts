/**
 * CRC-32 (IEEE 802.3, as zlib's). Own table rather than node:zlib's `crc32`: building a ring takes 160 checksums of 4 bytes per
 * endpoint and unit of weight, where the call into C++ costs more than the checksum.
 */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** Checksum of the text's UTF-8 bytes, unsigned. */
export function crc32(text: string): number {
  let state = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return ofBytes(Buffer.from(text))
    state = next(state, code)
  }
  return ~state >>> 0
}

function ofBytes(bytes: Uint8Array): number {
  let state = -1
  for (const byte of bytes) state = next(state, byte)
  return ~state >>> 0
}

/** Continues the checksum `before` by `word` as 4 bytes, little-endian. */
export function crc32Word(before: number, word: number): number {
  const state = next(next(~before, word), word >>> 8)
  return ~next(next(state, word >>> 16), word >>> 24) >>> 0
}

function next(state: number, byte: number): number {
  return TABLE[(state ^ byte) & 0xff]! ^ (state >>> 8)
}
