/**
 * Heads of answers as header blocks (RFC 7541), as text in Latin-1. Nothing is put into the client's table and nothing is in Huffman's
 * code: a block then depends on no other, and each field is two texts to join. Price: an answer is some 150 bytes longer. Pure.
 */
import { type RawHeaders, rememberedByName } from '../../core/headers.ts'
import { isFieldValue, isToken } from '../characters.ts'
import { CONNECTION_FIELDS } from '../h2-head.ts'
import { WireError } from '../wire-error.ts'
import { STATIC_TABLE, staticIndex } from './static-table.ts'

/** §4.2: the client's table is empty and stays so. To be said first in a block whenever the client has set its size. */
export const EMPTY_TABLE = '\x20'

/** @throws WireError on what cannot stand in a head. */
export function headBlock(status: number, fields: RawHeaders, length: number | undefined): string {
  const block = fieldBlock(statusField(status), fields)
  return length === undefined ? block : block + LENGTH_NAME + text(String(length))
}

/** @throws WireError on what cannot stand there. */
export function fieldBlock(first: string, fields: RawHeaders): string {
  let block = first
  for (let i = 0; i < fields.length; i += 2) {
    const name = nameStart(fields[i]!)
    if (name === LEFT_OUT) continue
    const value = fields[i + 1]!
    if (!isFieldValue(value))
      throw new WireError('header_value', `the header ${fields[i]} has characters that may not stand there`)
    block += name
    block += value.length < 127 ? LENGTHS[value.length] : integer(0, 127, value.length)
    block += value
  }
  return block
}

/** §5.1, behind `bits` in the first byte, in which values below `prefix` have room. */
function integer(bits: number, prefix: number, value: number): string {
  if (value < prefix) return String.fromCharCode(bits | value)
  let bytes = String.fromCharCode(bits | prefix)
  let rest = value - prefix
  for (; rest >= 128; rest >>>= 7) bytes += String.fromCharCode((rest & 127) | 128)
  return bytes + String.fromCharCode(rest)
}

const text = (value: string) => integer(0, 127, value.length) + value

const LENGTHS = Array.from({ length: 127 }, (_, length) => integer(0, 127, length))

const LEFT_OUT = ''

/** §6.2.2: a literal that is not put into the table. */
const nameStart = rememberedByName((name) => {
  const lower = name.toLowerCase()
  if (!isToken(lower)) throw new WireError('header_name', `the header name ${JSON.stringify(name)} is malformed`)
  if (CONNECTION_FIELDS.has(lower)) return LEFT_OUT
  return literalName(lower)
})

function literalName(name: string): string {
  const index = staticIndex(name)
  return index === undefined ? `\x00${text(name)}` : integer(0, 15, index)
}

const LENGTH_NAME = literalName('content-length')
const STATUS_NAME = literalName(':status')

/** §6.1: a field by its number. */
const INDEXED = 0x80
const STATUSES = new Map(
  STATIC_TABLE.flatMap(([name, value], i) =>
    name === ':status' ? [[Number(value), integer(INDEXED, 127, i + 1)] as const] : [],
  ),
)

function statusField(status: number): string {
  const known = STATUSES.get(status)
  if (known !== undefined) return known
  if (!Number.isInteger(status) || status < 100 || status > 999)
    throw new WireError('status', `${status} is no HTTP status`)
  const field = STATUS_NAME + text(String(status))
  STATUSES.set(status, field)
  return field
}
