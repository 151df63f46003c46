/** xxHash64 of a text's UTF-8 bytes. Source: the xxHash specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). */
import { Word } from './word.ts'

const PRIME1 = new Word(0x9e3779b1, 0x85ebca87)
const PRIME2 = new Word(0xc2b2ae3d, 0x27d4eb4f)
const PRIME3 = new Word(0x165667b1, 0x9e3779f9)
const PRIME4 = new Word(0x85ebca77, 0xc2b2ae63)
const PRIME5 = new Word(0x27d4eb2f, 0x165667c5)
const MINUS_PRIME1 = new Word(0x61c8864e, 0x7a143579)

// Registers and buffer are reused: a hash is computed in one go, without giving way to other code.
let bytes = Buffer.alloc(1024)
let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const lanes = [new Word(), new Word(), new Word(), new Word()] as const
const lane = new Word()

/** `seed` is an unsigned 32-bit number. The hash is written into `hash`, where one is given to spare a new one. */
export function xxHash64(text: string, seed = 0, hash = new Word()): Word {
  const length = load(text)
  hash.set(0, seed)
  const striped = length - (length % 32)
  if (striped > 0) mixStripes(hash, striped)
  else hash.add(PRIME5)
  lane.set(0, length)
  hash.add(lane)
  mixTail(hash, striped, length)
  avalanche(hash)
  return hash
}

function load(text: string): number {
  if (text.length * 3 > bytes.length) {
    bytes = Buffer.alloc(text.length * 3)
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  // Keys are short and ASCII nearly always: then the call into C++ costs more than the bytes.
  if (text.length > 64) return bytes.write(text)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return bytes.write(text)
    bytes[i] = code
  }
  return text.length
}

/** The first `end` bytes in stripes of 32 over four lanes, merged into `hash`, which holds the seed. */
function mixStripes(hash: Word, end: number): void {
  for (const word of lanes) word.set(0, hash.lo)
  lanes[0].add(PRIME1)
  lanes[0].add(PRIME2)
  lanes[1].add(PRIME2)
  lanes[3].add(MINUS_PRIME1)
  for (let at = 0; at < end; at += 8) {
    readLane(at)
    round(lanes[((at >>> 3) & 3) as 0 | 1 | 2 | 3], lane)
  }
  hash.set(0, 0)
  addRotated(hash, lanes[0], 1)
  addRotated(hash, lanes[1], 7)
  addRotated(hash, lanes[2], 12)
  addRotated(hash, lanes[3], 18)
  for (const word of lanes) mergeRound(hash, word)
}

/** What is left after whole stripes: by 8, by 4, by 1. */
function mixTail(hash: Word, from: number, end: number): void {
  let at = from
  for (; at + 8 <= end; at += 8) {
    readLane(at)
    xorRound(hash, lane)
    hash.rotateLeft(27)
    hash.multiply(PRIME1)
    hash.add(PRIME4)
  }
  if (at + 4 <= end) {
    mixSmall(hash, view.getInt32(at, true), PRIME1, 23, PRIME2)
    hash.add(PRIME3)
    at += 4
  }
  for (; at < end; at++) mixSmall(hash, view.getUint8(at), PRIME5, 11, PRIME1)
}

function avalanche(hash: Word): void {
  hash.xorShiftRight(33)
  hash.multiply(PRIME2)
  hash.xorShiftRight(29)
  hash.multiply(PRIME3)
  hash.xorShiftRight(32)
}

function readLane(at: number): void {
  lane.set(view.getInt32(at + 4, true), view.getInt32(at, true))
}

function round(word: Word, input: Word): void {
  input.multiply(PRIME2)
  word.add(input)
  word.rotateLeft(31)
  word.multiply(PRIME1)
}

/** XORs a round of `input` from zero into `hash`; spends `input`. */
function xorRound(hash: Word, input: Word): void {
  input.multiply(PRIME2)
  input.rotateLeft(31)
  input.multiply(PRIME1)
  hash.xor(input)
}

function addRotated(hash: Word, word: Word, bits: number): void {
  lane.set(word.hi, word.lo)
  lane.rotateLeft(bits)
  hash.add(lane)
}

function mergeRound(hash: Word, word: Word): void {
  xorRound(hash, word)
  hash.multiply(PRIME1)
  hash.add(PRIME4)
}

function mixSmall(hash: Word, value: number, by: Word, bits: number, then: Word): void {
  lane.set(0, value)
  lane.multiply(by)
  hash.xor(lane)
  hash.rotateLeft(bits)
  hash.multiply(then)
}
