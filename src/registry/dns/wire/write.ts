/** Writes answers, names compressed (RFC 1035 §4.1.4): without it a quarter fewer records fit into a datagram. */
import type { ResourceRecord } from '../contract.ts'
import { CLASS, HEADER_BYTES, LABEL_MAX_BYTES, TYPE } from './codes.ts'
import type { Labels } from './labels.ts'
import type { Edns, Query } from './read.ts'

export interface Message {
  readonly id: number
  /** All but the rcode. */
  readonly flags: number
  readonly rcode: number
  readonly question: Query['question'] | undefined
  readonly answers: readonly ResourceRecord[]
  readonly authority: readonly ResourceRecord[]
  readonly additional: readonly ResourceRecord[]
  /** Of the query; answered in kind. */
  readonly edns: Edns | undefined
}

export function writeMessage(message: Message): Buffer {
  const { answers, authority, additional } = message
  const writer = new Writer(message)
  for (const record of [...answers, ...authority, ...additional]) writer.record(record)
  return writer.end(message)
}

/**
 * How many of these groups of records fit into `maxBytes` beside what `message` has. Costs as much as what fits, however
 * many there are. The order of records does not change their size, but for messages above 16 KiB by a little: names beyond
 * that cannot be pointed to. There the result may be a few too high or too low.
 */
export function countFitting(message: Message, groups: Iterable<readonly ResourceRecord[]>, maxBytes: number): number {
  const writer = new Writer(message)
  const room = maxBytes - (message.edns === undefined ? 0 : OPT_BYTES)
  for (const record of message.authority) writer.record(record)
  const written = new Set<ResourceRecord>()
  let count = 0
  for (const group of groups) {
    for (const record of group) if (!written.has(record)) writer.record(record)
    if (writer.length > room) break
    for (const record of group) written.add(record)
    count++
  }
  return count
}

const OPT_BYTES = 11
const ROOT = [0]
/** Two bits of a pointer say that it is one. */
const POINTER_MAX = 0x3fff

class Writer {
  #buffer = Buffer.allocUnsafe(1024)
  #length = 0
  /** Name → where it is written. To the letter, so that no name changes its case by being pointed at. */
  readonly #written = new Map<string, number>()

  constructor({ id, flags, rcode, question, answers, authority, additional, edns }: Message) {
    this.#u16(id)
    this.#u16(flags | (rcode & 15))
    this.#u16(question === undefined ? 0 : 1)
    this.#u16(answers.length)
    this.#u16(authority.length)
    this.#u16(additional.length + (edns === undefined ? 0 : 1))
    if (question !== undefined) this.#question(question)
  }

  get length(): number {
    return this.#length
  }

  /** As it came, byte for byte. */
  #question({ labels, raw }: Query['question']): void {
    let rest = labels.join('.')
    let at = HEADER_BYTES
    for (const label of labels) {
      this.#written.set(rest, at)
      rest = rest.slice(label.length + 1)
      at += 1 + raw[at - HEADER_BYTES]!
    }
    this.#raw(raw)
  }

  record(record: ResourceRecord): void {
    this.#name(record.name)
    this.#u16(TYPE[record.type])
    this.#u16(CLASS.IN)
    this.#u32(record.ttl)
    this.#u16(0)
    const start = this.#length
    this.#data(record)
    this.#buffer.writeUInt16BE(this.#length - start, start - 2)
  }

  /** What is written. OPT comes last; Consul gives back the size that was announced. */
  end({ edns, rcode }: Message): Buffer {
    if (edns !== undefined) {
      this.#raw(ROOT)
      this.#u16(TYPE.OPT)
      this.#u16(edns.size)
      this.#raw([rcode >> 4, 0, edns.dnssecOk ? 0x80 : 0, 0])
      this.#u16(0)
    }
    return this.#buffer.subarray(0, this.#length)
  }

  #data(record: ResourceRecord): void {
    switch (record.type) {
      case 'A':
      case 'AAAA':
        this.#raw(record.address)
        break
      case 'CNAME':
      case 'NS':
      case 'PTR':
        this.#name(record.target)
        break
      case 'TXT':
        this.#text(record.text)
        break
      case 'SRV':
        for (const number of [record.priority, record.weight, record.port]) this.#u16(number)
        this.#name(record.target, false) // RFC 2782 forbids a pointer here
        break
      case 'SOA':
        this.#name(record.server)
        this.#name(record.mailbox)
        this.#times(record.times)
    }
  }

  #times({ serial, refresh, retry, expire, minTtl }: Extract<ResourceRecord, { type: 'SOA' }>['times']): void {
    for (const number of [serial, refresh, retry, expire, minTtl]) this.#u32(number)
  }

  /** In strings of at most 255 bytes; readers put them together again. */
  #text(text: string): void {
    const bytes = Buffer.from(text)
    for (let at = 0; at === 0 || at < bytes.length; at += 255) {
      const part = bytes.subarray(at, at + 255)
      this.#raw([part.length])
      this.#raw(part)
    }
  }

  #name(labels: Labels, mayPoint = true): void {
    let rest = labels.join('.')
    for (const label of labels) {
      const known = this.#written.get(rest)
      if (known !== undefined && mayPoint) {
        this.#u16(0xc000 | known)
        return
      }
      if (known === undefined && this.#length <= POINTER_MAX) this.#written.set(rest, this.#length)
      this.#label(label)
      rest = rest.slice(label.length + 1)
    }
    this.#raw(ROOT)
  }

  #label(label: string): void {
    this.#room(1 + LABEL_MAX_BYTES)
    const bytes = this.#buffer.write(label, this.#length + 1)
    this.#buffer[this.#length] = bytes
    this.#length += 1 + bytes
  }

  #raw(bytes: ArrayLike<number>): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #u16(value: number): void {
    this.#room(2)
    this.#length = this.#buffer.writeUInt16BE(value, this.#length)
  }

  #u32(value: number): void {
    this.#room(4)
    this.#length = this.#buffer.writeUInt32BE(value, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#buffer.length + bytes))
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}
