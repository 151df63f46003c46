/**
 * Random ids as text. They come in slabs: one system call, and one conversion to text, for hundreds of ids, of which each is
 * then a part of that text.
 */
import { randomBytes } from 'node:crypto'

const SLAB_BYTES = 8 * 1024

let digits = ''
let digitsUsed = 0

/** `bytes` random bytes as hex digits, not all zero (W3C Trace Context §3.2.2.3). */
export function newId(bytes: number): string {
  if (digitsUsed + 2 * bytes > digits.length) {
    digits = randomBytes(SLAB_BYTES).toString('hex')
    digitsUsed = 0
  }
  const id = digits.slice(digitsUsed, digitsUsed + 2 * bytes)
  digitsUsed += 2 * bytes
  return id.startsWith('00000000') && /^0+$/.test(id) ? newId(bytes) : id
}

const UUID_LENGTH = 36
let uuids = ''
let uuidsUsed = 0

/** A random UUID (RFC 9562, version 4). */
export function newUuid(): string {
  if (uuidsUsed === uuids.length) {
    uuids = uuidsOf(randomBytes(SLAB_BYTES))
    uuidsUsed = 0
  }
  uuidsUsed += UUID_LENGTH
  return uuids.slice(uuidsUsed - UUID_LENGTH, uuidsUsed)
}

/** Where the five groups of a UUID begin and end among its 32 digits. */
const GROUPS = [0, 8, 12, 16, 20, 32] as const
const VERSION_BYTE = 6
const VARIANT_BYTE = 8

function uuidsOf(bytes: Buffer): string {
  for (let at = 0; at < bytes.length; at += 16) {
    bytes[at + VERSION_BYTE] = (bytes[at + VERSION_BYTE]! & 0x0f) | 0x40
    bytes[at + VARIANT_BYTE] = (bytes[at + VARIANT_BYTE]! & 0x3f) | 0x80
  }
  const hex = Buffer.from(bytes.toString('hex'), 'latin1')
  const text = Buffer.alloc((bytes.length / 16) * UUID_LENGTH, '-')
  for (let from = 0, to = 0; from < hex.length; from += 32, to += UUID_LENGTH) {
    for (let group = 0; group < 5; group++)
      hex.copy(text, to + GROUPS[group]! + group, from + GROUPS[group]!, from + GROUPS[group + 1]!)
  }
  return text.toString('latin1')
}
