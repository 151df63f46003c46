/**
 * Heads of answers as header blocks (RFC 7541), as text in Latin-1: each field is a text or two to join. A field that comes a second
 * time with the same value enters the client's table, and is a byte or two from then on; what is in the table stays, so that there is
 * nothing to count but its room. Price: of a field whose values take turns one is indexed at most, and without Huffman's code what
 * is not indexed is a quarter longer.
 */
import { type RawHeaders, rememberedByName } from '../../core/headers.ts'
import { isFieldValue, isToken } from '../characters.ts'
import { CONNECTION_FIELDS } from '../h2-head.ts'
import { WireError } from '../wire-error.ts'
import { STATIC_TABLE, staticIndex } from './static-table.ts'

/** What a client's table has by default; no more is used, bytes. */
const TABLE_BYTES = 4096
/** What a field counts beside its text (§4.1). */
const FIELD_BYTES = 32
/** Names whose values are watched. */
const NAMES_MAX = 64

/** The last value of a name, and which one in the table it is; -1 = none. */
interface Seen {
  value: string
  place: number
}

export class HpackEncoder {
  readonly #seen = new Map<string, Seen>()
  /** How many are in the table. */
  #places = 0
  #room = TABLE_BYTES
  /** To be said first in the next block. */
  #resizing = ''

  /** The client has set the size of its table (SETTINGS_HEADER_TABLE_SIZE): ours begins anew, or stays empty where that is small. */
  resize(bytes: number): void {
    this.#seen.clear()
    this.#places = 0
    this.#room = bytes < TABLE_BYTES ? 0 : TABLE_BYTES
    this.#resizing = this.#room === 0 ? EMPTY : EMPTY + FULL
  }

  /** @throws WireError on what cannot stand in a head; then nothing has entered the table. */
  head(status: number, fields: RawHeaders, length: number | undefined): string {
    const block = this.#block(statusField(status), fields)
    return length === undefined ? block : block + LENGTH_NAME + text(String(length))
  }

  /** @throws WireError on what cannot stand there; then nothing has entered the table. */
  trailers(fields: RawHeaders): string {
    return this.#block('', fields)
  }

  #block(first: string, fields: RawHeaders): string {
    // Must be before the rest: what has entered the table must go out, or the client's is another.
    checkFields(fields)
    let block = this.#resizing + first
    this.#resizing = ''
    for (let i = 0; i < fields.length; i += 2) {
      const name = nameOf(fields[i]!)
      if (!name.isLeftOut) block += this.#field(name, fields[i + 1]!)
    }
    return block
  }

  #field(name: Name, value: string): string {
    const seen = name.repeats ? this.#seen.get(name.text) : undefined
    if (seen === undefined) {
      if (name.repeats && this.#seen.size < NAMES_MAX) this.#seen.set(name.text, { value, place: -1 })
    } else if (seen.value !== value) {
      if (seen.place === -1) seen.value = value
    } else if (seen.place !== -1) return integer(0x80, 127, STATIC_TABLE.length + this.#places - seen.place)
    else if (this.#enters(name, value)) {
      seen.place = this.#places++
      return name.entering + text(value)
    }
    return name.literal + text(value)
  }

  #enters(name: Name, value: string): boolean {
    const bytes = name.text.length + value.length + FIELD_BYTES
    if (bytes > this.#room) return false
    this.#room -= bytes
    return true
  }
}

interface Name {
  /** In lower case. */
  readonly text: string
  /** §6.2.2: before a value that does not enter the table; §6.2.1: before one that does. */
  readonly literal: string
  readonly entering: string
  /** HTTP/2 has no such field (RFC 9113 §8.2.2). */
  readonly isLeftOut: boolean
  /** Its value may well come again, and is no secret. */
  readonly repeats: boolean
}

const CHANGING: ReadonlySet<string> = new Set(['date', 'set-cookie', 'x-request-id', 'traceparent', 'content-length'])

const nameOf = rememberedByName((given): Name => {
  const name = given.toLowerCase()
  if (!isToken(name)) throw new WireError('header_name', `the header name ${JSON.stringify(given)} is malformed`)
  const own = { isLeftOut: CONNECTION_FIELDS.has(name), repeats: !CHANGING.has(name) }
  return { text: name, literal: nameStart(0, 15, name), entering: nameStart(0x40, 63, name), ...own }
})

function checkFields(fields: RawHeaders): void {
  for (let i = 0; i < fields.length; i += 2) {
    nameOf(fields[i]!)
    if (!isFieldValue(fields[i + 1]!))
      throw new WireError('header_value', `the header ${fields[i]} has characters that may not stand there`)
  }
}

/** §5.1, behind `bits` in the first byte, in which values below `prefix` have room. */
function integer(bits: number, prefix: number, value: number): string {
  if (value < prefix) return String.fromCharCode(bits | value)
  let bytes = String.fromCharCode(bits | prefix)
  let rest = value - prefix
  for (; rest >= 128; rest >>>= 7) bytes += String.fromCharCode((rest & 127) | 128)
  return bytes + String.fromCharCode(rest)
}

/** §5.2. */
function text(value: string): string {
  return (value.length < 127 ? LENGTHS[value.length]! : integer(0, 127, value.length)) + value
}

const LENGTHS = Array.from({ length: 127 }, (_, length) => String.fromCharCode(length))

function nameStart(bits: number, prefix: number, name: string): string {
  const index = staticIndex(name)
  return index === undefined ? String.fromCharCode(bits) + text(name) : integer(bits, prefix, index)
}

/** §6.3: a table of no bytes; one of 4,096. */
const EMPTY = integer(0x20, 31, 0)
const FULL = integer(0x20, 31, TABLE_BYTES)

const LENGTH_NAME = nameStart(0, 15, 'content-length')
const STATUS_NAME = nameStart(0, 15, ':status')

/** §6.1: fields by their numbers. */
const STATUSES = new Map(
  STATIC_TABLE.flatMap(([name, value], i) =>
    name === ':status' ? [[Number(value), integer(0x80, 127, i + 1)] as const] : [],
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
