/** From the bytes of a query to the bytes of its answer. */
import { answer } from './answer.ts'
import type { DnsView, Reply } from './contract.ts'
import { bare } from './reply.ts'
import { CLASS, FLAG, MESSAGE_MAX_BYTES, PLAIN_UDP_BYTES, RCODE, TYPE } from './wire/codes.ts'
import { fit, type Head, type Limits } from './wire/fit.ts'
import { type Edns, type Header, type Query, readHeader, readQuery } from './wire/read.ts'

export type Transport = 'udp' | 'tcp'

export interface Response {
  readonly bytes: Buffer
  readonly rcode: number
}

/** What larger datagrams would be good for, loopback has no limit of its own; elsewhere they arrive in pieces or not at all. */
const UDP_MAX_BYTES = 8192

/**
 * Undefined = say nothing: too short to have been a query, or itself an answer (two servers would talk for ever). Never
 * throws for anything that the client sent.
 */
export function respond(bytes: Buffer, transport: Transport, view: DnsView): Response | undefined {
  const header = readHeader(bytes)
  if (header === undefined || header.response) return undefined
  // Other operations have other formats, so what follows their header is not looked at.
  if (header.opcode !== 0) return write(bare(RCODE.NOTIMP), headOf(header), transport, view)
  const query = readQuery(bytes)
  if (query === undefined) return write(bare(RCODE.FORMERR), headOf(header), transport, view)
  return write(replyTo(query, view), headOf(header, query), transport, view)
}

function replyTo({ question, edns }: Query, view: DnsView): Reply {
  if (edns !== undefined && edns.version > 0) return bare(RCODE.BADVERS)
  if (question.class !== CLASS.IN && question.class !== CLASS.ANY) return bare(RCODE.NOTIMP)
  if (question.type === TYPE.AXFR || question.type === TYPE.IXFR) return bare(RCODE.NOTIMP)
  return answer(question, view)
}

const OPCODE_BITS = 0x7800

function headOf({ id, flags }: Header, query?: Query): Head {
  const repeated = flags & (OPCODE_BITS | FLAG.recursionDesired | FLAG.checkingDisabled)
  return { id, flags: FLAG.response | repeated, question: query?.question, edns: query?.edns }
}

function write(reply: Reply, head: Head, transport: Transport, view: DnsView): Response {
  return { bytes: fit(reply, head, limitsOf(transport, head.edns, view)), rcode: reply.rcode }
}

function limitsOf(transport: Transport, edns: Edns | undefined, { settings }: DnsView): Limits {
  const { truncate, udpAnswerLimit } = settings
  if (transport === 'tcp') return { maxBytes: MESSAGE_MAX_BYTES, maxAnswers: undefined, truncate }
  if (edns === undefined) return { maxBytes: PLAIN_UDP_BYTES, maxAnswers: udpAnswerLimit, truncate }
  const maxBytes = Math.min(Math.max(edns.size, PLAIN_UDP_BYTES), UDP_MAX_BYTES)
  return { maxBytes, maxAnswers: undefined, truncate }
}

/** For a fault of our own: the client hears of it and may ask another server. */
export function failure(bytes: Buffer, transport: Transport, view: DnsView): Response | undefined {
  const header = readHeader(bytes)
  return header && write(bare(RCODE.SERVFAIL), headOf(header), transport, view)
}
