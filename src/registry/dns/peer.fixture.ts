/** Asks and reads with another implementation of the wire format, so that a mistake of ours is not made twice. */
import * as packet from 'dns-packet'
import type { DnsView } from './contract.ts'
import { respond, type Transport } from './respond.ts'

export interface AskOptions {
  readonly transport?: Transport
  /** The size announced by EDNS; absent = no EDNS. */
  readonly edns?: number
}

export function encodeQuestion(question: string, { edns }: AskOptions = {}): Buffer {
  const [name, type] = question.split(' ') as [string, packet.RecordType]
  const opt: packet.OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: edns ?? 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
  return packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: edns === undefined ? [] : [opt],
  })
}

/** What an answer says, for people and comparisons. */
export interface Shown {
  readonly rcode: string
  readonly aa: boolean
  readonly tc: boolean
  readonly ra: boolean
  /** As it came back. */
  readonly question: string
  /** `A 127.0.0.1`, the TTL in front unless it is 0, the name unless it is the one asked for; sorted. */
  readonly answer: readonly string[]
  readonly authority: readonly string[]
  readonly additional: readonly string[]
  /** Size in the OPT record. */
  readonly edns: number | undefined
  readonly bytes: number
}

/** `question`: `web.service.consul SRV`. */
export function ask(view: DnsView, question: string, options: AskOptions = {}): Shown {
  const response = respond(encodeQuestion(question, options), options.transport ?? 'udp', view)
  if (response === undefined) throw new Error(`no answer to ${question}`)
  return show(response.bytes)
}

export function show(bytes: Buffer): Shown {
  // Its types do not know the flags that its decoder gives.
  const decoded = packet.decode(bytes) as packet.DecodedPacket & { rcode: string; flag_ra: boolean }
  const [question] = decoded.questions ?? []
  const lines = (records: readonly packet.Answer[] = []) =>
    records
      .filter(({ type }) => type !== 'OPT')
      .map((record) => line(record, question?.name))
      .sort()
  const opt = decoded.additionals?.find(({ type }) => type === 'OPT')
  return {
    rcode: decoded.rcode,
    aa: decoded.flag_aa,
    tc: decoded.flag_tc,
    ra: decoded.flag_ra,
    question: question === undefined ? '' : `${question.name} ${question.type}`,
    answer: lines(decoded.answers),
    authority: lines(decoded.authorities),
    additional: lines(decoded.additionals),
    edns: opt?.type === 'OPT' ? opt.udpPayloadSize : undefined,
    bytes: bytes.length,
  }
}

function line(record: packet.Answer, asked: string | undefined): string {
  if (record.type === 'OPT') return 'OPT'
  const name = record.name === asked ? '' : `${record.name} `
  const ttl = 'ttl' in record && record.ttl !== 0 ? `${record.ttl} ` : ''
  return `${name}${ttl}${record.type} ${data(record)}`
}

function data(record: packet.Answer): string {
  switch (record.type) {
    case 'SRV':
      return [record.data.priority, record.data.weight, record.data.port, record.data.target].join(' ')
    case 'SOA':
      return Object.values(record.data).join(' ')
    case 'TXT':
      return Buffer.concat([record.data].flat().map((part) => Buffer.from(part))).toString()
    default:
      return String('data' in record ? record.data : '')
  }
}
