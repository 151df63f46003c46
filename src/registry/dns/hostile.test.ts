/** Bytes that no honest client sends, and those of odd ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as packet from 'dns-packet'
import fc from 'fast-check'
import { below, seeded } from '../../core/random.ts'
import { encodeQuestion, show } from './peer.fixture.ts'
import { respond, type Transport } from './respond.ts'
import { FLAG, RCODE, TYPE } from './wire/codes.ts'
import { exampleView } from './zone.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 20_261_122)
const view = exampleView()

const GOOD = encodeQuestion('web.service.consul SRV', { edns: 1232 })
const QUESTION_END = 12 + 'web.service.consul'.length + 2 + 4

const rcodeOf = (bytes: Buffer, transport: Transport = 'udp') => respond(bytes, transport, view)?.rcode

/** The good query with these bytes written over it. */
function changed(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(GOOD)
  copy.set(bytes, at)
  return copy
}

test('the unchanged query is a good one', () => {
  assert.equal(rcodeOf(GOOD), RCODE.NOERROR)
})

test('what cannot have been a query gets no answer', () => {
  for (let length = 0; length < 12; length++) assert.equal(rcodeOf(GOOD.subarray(0, length)), undefined)
  assert.equal(rcodeOf(changed(2, 0x80)), undefined, 'an answer')
})

test('a query cut anywhere is malformed, and so is one with something behind it', () => {
  for (let length = 12; length < GOOD.length; length++) assert.equal(rcodeOf(GOOD.subarray(0, length)), RCODE.FORMERR)
  assert.equal(rcodeOf(Buffer.concat([GOOD, Buffer.alloc(1)])), RCODE.FORMERR)
})

test('counts that promise too much or too little', () => {
  assert.equal(rcodeOf(changed(4, 0, 0)), RCODE.FORMERR, 'no question')
  assert.equal(rcodeOf(changed(4, 0, 2)), RCODE.FORMERR, 'two questions')
  for (const at of [6, 8, 10]) assert.equal(rcodeOf(changed(at, 255, 255)), RCODE.FORMERR)
  assert.equal(rcodeOf(changed(10, 0, 0)), RCODE.FORMERR, 'an OPT that is not counted')
})

test('names: pointers, reserved labels, too long', () => {
  assert.equal(rcodeOf(changed(12, 0xc0, 12)), RCODE.FORMERR, 'points to itself')
  assert.equal(rcodeOf(changed(12, 0x40)), RCODE.FORMERR)
  assert.equal(rcodeOf(changed(12, 0x80)), RCODE.FORMERR)
  const tail = Buffer.from([0, 0, 1, 0, 1])
  const head = Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const labels = (count: number) => Buffer.concat(Array.from({ length: count }, () => Buffer.from([1, 97])))
  assert.equal(rcodeOf(Buffer.concat([head, labels(127), tail])), RCODE.REFUSED, '255 bytes')
  assert.equal(rcodeOf(Buffer.concat([head, labels(128), tail])), RCODE.FORMERR, '257 bytes')
  assert.equal(rcodeOf(Buffer.concat([head, tail])), RCODE.REFUSED, 'the root')
})

test('a label with a dot inside is not two labels', () => {
  const name = Buffer.from('\x06v1.web\x07service\x06consul\x00', 'latin1')
  const query = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), name, Buffer.from([0, 1, 0, 1])])
  assert.equal(rcodeOf(query), RCODE.NXDOMAIN)
})

test('bytes that are no text come back as they were', () => {
  const question = Buffer.from('\x03\xff\x00\xfe\x07SERVICE\x06consul\x00\x00\x01\x00\x01', 'latin1')
  const query = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), question])
  const response = respond(query, 'udp', view)!
  assert.equal(response.rcode, RCODE.NXDOMAIN)
  assert.deepEqual(response.bytes.subarray(12, 12 + question.length), question)
})

test('other operations, classes and transfers are not implemented', () => {
  for (const opcode of [1, 2, 4, 5, 15]) assert.equal(rcodeOf(changed(2, opcode << 3)), RCODE.NOTIMP)
  assert.equal(rcodeOf(changed(QUESTION_END - 2, 0, 3)), RCODE.NOTIMP, 'CHAOS')
  assert.equal(rcodeOf(changed(QUESTION_END - 2, 0, 255)), RCODE.NOERROR, 'any class')
  for (const type of [TYPE.AXFR, TYPE.IXFR])
    assert.equal(rcodeOf(changed(QUESTION_END - 4, 0, type), 'tcp'), RCODE.NOTIMP)
})

test('types that nobody knows are types that are not there', () => {
  assert.equal(rcodeOf(changed(QUESTION_END - 4, 0xff, 0x77)), RCODE.NOERROR)
})

test('id, RD and CD come back, RA does not come', () => {
  const query = changed(0, 0xab, 0xcd, 0x01, 0xb0) // with RA, AD and CD set
  const bytes = respond(query, 'udp', view)!.bytes
  assert.equal(bytes.readUInt16BE(0), 0xabcd)
  assert.equal(
    bytes.readUInt16BE(2),
    FLAG.response | FLAG.authoritative | FLAG.recursionDesired | FLAG.checkingDisabled,
  )
})

test('EDNS: another version, twice, under a name, tiny, huge, with DO', () => {
  const opt = QUESTION_END
  const badVersion = respond(changed(opt + 6, 1), 'udp', view)!
  assert.equal(badVersion.rcode, RCODE.BADVERS)
  assert.equal(badVersion.bytes.readUInt16BE(2) & 15, 0)
  assert.equal(badVersion.bytes[badVersion.bytes.length - 6], 1, 'the upper bits of 16')
  const twice = Buffer.concat([changed(10, 0, 2), GOOD.subarray(opt)])
  assert.equal(rcodeOf(twice), RCODE.FORMERR)
  const named = Buffer.concat([GOOD.subarray(0, opt), Buffer.from([1, 97]), GOOD.subarray(opt)])
  assert.equal(rcodeOf(named), RCODE.FORMERR)
  assert.equal(show(respond(changed(opt + 3, 0, 1), 'udp', view)!.bytes).answer.length, 2, 'announced 1, means 512')
  assert.equal(show(respond(changed(opt + 3, 255, 255), 'udp', view)!.bytes).edns, 65_535)
  const withDo = packet.decode(respond(changed(opt + 7, 0x80), 'udp', view)!.bytes)
  assert.equal(withDo.additionals?.find(({ type }) => type === 'OPT')?.type, 'OPT')
  assert.ok(withDo.additionals?.some((record) => record.type === 'OPT' && record.flag_do))
})

/** Whatever comes: nothing, or a well-formed answer to this very query that another implementation can read. */
function check(bytes: Buffer, transport: Transport): void {
  const response = respond(bytes, transport, view)
  assert.equal(response === undefined, bytes.length < 12 || bytes[2]! >= 0x80)
  if (response === undefined) return
  assert.equal(response.bytes.readUInt16BE(0), bytes.readUInt16BE(0))
  assert.ok(response.bytes[2]! >= 0x80)
  assert.ok(response.bytes.length <= (transport === 'tcp' ? 65_535 : 8192))
  packet.decode(response.bytes)
}

test(`noise (seed ${SEED})`, () => {
  const transport = fc.constantFrom<Transport>('udp', 'tcp')
  const noise = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(noise, transport, check), { seed: SEED, numRuns: 3000 })
})

test(`mutated queries (seed ${SEED})`, () => {
  const random = seeded(SEED)
  const questions = [
    'web.service.consul SRV',
    '_web._tcp.service.consul A',
    'many.service.consul SRV',
    '1.0.0.127.in-addr.arpa PTR',
  ]
  const samples = questions.flatMap((question) => [encodeQuestion(question), encodeQuestion(question, { edns: 4096 })])
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(samples[below(random, samples.length)]!)
    for (let n = 1 + below(random, 4); n > 0; n--) bytes[below(random, bytes.length)] = below(random, 256)
    check(bytes.subarray(0, random() < 0.1 ? below(random, bytes.length) : bytes.length), i % 2 === 0 ? 'udp' : 'tcp')
  }
})

test('64 KiB that claim to be many records cost one pass', () => {
  const bytes = Buffer.alloc(65_535, 0xc0)
  bytes.set([0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 0, 0, 1, 0, 1])
  assert.equal(rcodeOf(bytes, 'tcp'), RCODE.FORMERR)
})
