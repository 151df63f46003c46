/** Header blocks as flat lists of names and values (RFC 7541). A field is checked once, when it is first used. Pure. */
import type { RawHeaders } from '../../core/headers.ts'
import { checkField } from '../h2-head.ts'
import { WireError } from '../wire-error.ts'
import { CODE, H2ConnectionError } from './codes.ts'
import { readHuffman } from './huffman.ts'
import { STATIC_TABLE } from './static-table.ts'

/** SETTINGS_HEADER_TABLE_SIZE: what we leave it at, bytes. */
export const TABLE_BYTES = 4096
/** What a field counts beside its text (RFC 7541 §4.1, RFC 9113 §6.5.2). */
const FIELD_BYTES = 32

class Field {
  readonly name: string
  readonly value: string
  readonly bytes: number
  #isChecked = false
  #fault: WireError | undefined

  constructor(name: string, value: string) {
    this.name = name
    this.value = value
    this.bytes = name.length + value.length + FIELD_BYTES
  }

  /** Why it may not stand in a head. Found when asked for: an error costs more than a bad field of three bytes costs its sender. */
  get fault(): WireError | undefined {
    if (!this.#isChecked) this.#fault = faultOf(this.name, this.value)
    this.#isChecked = true
    return this.#fault
  }
}

export interface Block {
  /** Name, value, name, value; no more of them than may be. */
  readonly fields: RawHeaders
  /** The first reason to refuse the head. */
  readonly fault: WireError | undefined
}

export interface BlockLimits {
  readonly headBytes: number
  readonly headerFields: number
}

/** RFC 9113 §8.2.1. */
const BLANK_AROUND = /^[ \t]|[ \t]$/

const STATIC = STATIC_TABLE.map(([name, value]) => new Field(name, value))

function faultOf(name: string, value: string): WireError | undefined {
  try {
    checkField(name, value)
    return BLANK_AROUND.test(value)
      ? new WireError('header_value', `the value of ${name} has blanks around it`)
      : undefined
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

export class HpackDecoder {
  readonly #limits: BlockLimits
  /** Newest last, so that entering is cheap; those before `#first` are gone. */
  #table: Field[] = []
  #first = 0
  #tableBytes = 0
  #tableMax = TABLE_BYTES
  #block: Buffer = Buffer.alloc(0)
  #at = 0
  #fields: string[] = []
  #listBytes = 0
  #fault: WireError | undefined

  constructor(limits: BlockLimits) {
    this.#limits = limits
  }

  /** @throws H2ConnectionError COMPRESSION_ERROR: the two sides' tables are not the same any more. */
  read(block: Buffer): Block {
    this.#block = block
    this.#at = 0
    this.#fields = []
    this.#listBytes = 0
    this.#fault = undefined
    // §4.2: sizes of the table change before the first field.
    while (this.#at < block.length && (block[this.#at]! & 0xe0) === 0x20) this.#resize(this.#integer(31))
    while (this.#at < block.length) this.#readField()
    return { fields: this.#fields, fault: this.#fault }
  }

  #readField(): void {
    const first = this.#block[this.#at]!
    if (first >= 0x80) return void this.#take(this.#field(this.#integer(127)))
    if (first >= 0x40) {
      const field = this.#literal(63)
      this.#enter(field)
      return void this.#take(field)
    }
    if (first >= 0x20) throw broken('its table changes in the middle')
    this.#take(this.#literal(15))
  }

  #take(field: Field): void {
    // Only until one is bad: the rest is read for the table's sake.
    this.#fault ??= field.fault
    this.#listBytes += field.bytes
    const { headBytes, headerFields } = this.#limits
    if (this.#listBytes > headBytes)
      this.#fault ??= new WireError('head_too_large', `the head is larger than ${headBytes} bytes`, 431)
    // The pseudo-fields count too.
    else if (this.#fields.length > 2 * (headerFields + 5))
      this.#fault ??= new WireError('too_many_headers', `there are more than ${headerFields} header fields`, 431)
    else this.#fields.push(field.name, field.value)
  }

  #literal(prefix: number): Field {
    const index = this.#integer(prefix)
    const name = index === 0 ? this.#text() : this.#field(index).name
    return new Field(name, this.#text())
  }

  #field(index: number): Field {
    const field = index <= STATIC.length ? STATIC[index - 1] : this.#table[this.#table.length + STATIC.length - index]
    if (field === undefined || index > STATIC.length + this.#table.length - this.#first)
      throw broken('a field that is not in the table')
    return field
  }

  #enter(field: Field): void {
    this.#tableBytes += field.bytes
    this.#table.push(field)
    this.#evict()
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw broken('a table larger than allowed')
    this.#tableMax = bytes
    this.#evict()
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableMax) this.#tableBytes -= this.#table[this.#first++]!.bytes
    if (this.#first < EVICTED_MAX) return
    this.#table = this.#table.slice(this.#first)
    this.#first = 0
  }

  /** RFC 7541 §5.1. `prefix` is the largest value that stands in the first byte. */
  #integer(prefix: number): number {
    let value = this.#byte() & prefix
    if (value < prefix) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte()
      value += (byte & 127) << shift
      if (byte < 128) return value
    }
    throw broken('a number that is too large')
  }

  #text(): string {
    const isHuffman = this.#at < this.#block.length && this.#block[this.#at]! >= 128
    const length = this.#integer(127)
    const from = this.#at
    this.#at += length
    if (this.#at > this.#block.length) throw broken('a text that is longer than the block')
    return isHuffman ? readHuffman(this.#block, from, this.#at) : this.#block.toString('latin1', from, this.#at)
  }

  #byte(): number {
    const byte = this.#block[this.#at++]
    if (byte === undefined) throw broken('it ends in the middle of a field')
    return byte
  }
}

/** Places of fields that are gone, before the others move up. */
const EVICTED_MAX = 128

function broken(what: string): H2ConnectionError {
  return new H2ConnectionError(CODE.compression, `a header block cannot be read: ${what}`)
}
