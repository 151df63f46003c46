/** Reads queries. Whatever the bytes: a query, or undefined; the work is in proportion to their number. */
import type { Question } from '../contract.ts'
import { HEADER_BYTES, LABEL_MAX_BYTES, NAME_MAX_BYTES, TYPE } from './codes.ts'

export interface Header {
  readonly id: number
  readonly response: boolean
  readonly opcode: number
  /** All bits as they came. */
  readonly flags: number
}

/** EDNS (RFC 6891), from the OPT record. */
export interface Edns {
  /** The largest UDP message that the client takes, as announced. */
  readonly size: number
  readonly version: number
  /** The client understands DNSSEC; to be repeated (RFC 3225). */
  readonly dnssecOk: boolean
}

export interface Query {
  readonly question: Question & { readonly class: number; readonly raw: Buffer }
  readonly edns: Edns | undefined
}

/** Undefined when there are not even the 12 bytes. */
export function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const flags = bytes.readUInt16BE(2)
  return { id: bytes.readUInt16BE(0), response: flags >= 0x8000, opcode: (flags >> 11) & 15, flags }
}

/** Exactly one question, then records of which only OPT counts, then the end. Undefined = malformed. */
export function readQuery(bytes: Buffer): Query | undefined {
  if (bytes.readUInt16BE(4) !== 1) return undefined
  const question = readQuestion(bytes)
  if (question === undefined) return undefined
  const skipped = bytes.readUInt16BE(6) + bytes.readUInt16BE(8)
  const records = readRecords(bytes, HEADER_BYTES + question.raw.length, skipped + bytes.readUInt16BE(10))
  const found = records?.slice(skipped).filter(({ type }) => type === TYPE.OPT)
  if (found === undefined || found.length > 1) return undefined
  const [opt] = found
  if (opt !== undefined && !opt.root) return undefined
  return { question, edns: opt && readEdns(bytes, opt.at) }
}

function readQuestion(bytes: Buffer): Query['question'] | undefined {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (;;) {
    const length = bytes[at++]
    // A pointer has nothing to point to here, so the first name of a message is always written out.
    if (length === undefined || length > LABEL_MAX_BYTES) return undefined
    if (length === 0) break
    labels.push(quote(bytes.toString('utf8', at, at + length)))
    at += length
  }
  if (at - HEADER_BYTES > NAME_MAX_BYTES || at + 4 > bytes.length) return undefined
  const raw = bytes.subarray(HEADER_BYTES, at + 4)
  return { labels, type: bytes.readUInt16BE(at), class: bytes.readUInt16BE(at + 2), raw }
}

const quote = (label: string) => label.replace(/[.\\]/g, '\\$&')

interface RecordAt {
  readonly type: number
  /** Where its type stands. */
  readonly at: number
  /** Its name is the root, as that of OPT must be. */
  readonly root: boolean
}

function readRecords(bytes: Buffer, start: number, count: number): RecordAt[] | undefined {
  const records: RecordAt[] = []
  let next = start
  for (let i = 0; i < count; i++) {
    const at = skipName(bytes, next)
    if (at === undefined || at + 10 > bytes.length) return undefined
    records.push({ type: bytes.readUInt16BE(at), at, root: at === next + 1 })
    next = at + 10 + bytes.readUInt16BE(at + 8)
  }
  return next === bytes.length ? records : undefined
}

/** Where the name ends: after the root, or after the first pointer, which is not followed. */
function skipName(bytes: Buffer, start: number): number | undefined {
  let at = start
  for (;;) {
    const length = bytes[at++]
    if (length === undefined) return undefined
    if (length === 0) return at
    if (length >= 0xc0) return at + 1
    if (length > LABEL_MAX_BYTES) return undefined
    at += length
  }
}

/** OPT keeps the size in the class, and version and flags in the TTL. */
function readEdns(bytes: Buffer, at: number): Edns {
  return {
    size: bytes.readUInt16BE(at + 2),
    version: bytes[at + 5]!,
    dnssecOk: (bytes[at + 6]! & 0x80) !== 0,
  }
}
