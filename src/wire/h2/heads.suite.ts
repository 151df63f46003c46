/** What a client says that is a request, and what is none. Each is told to the server by itself, and to a gateway by test/hostile. */
import { FLAG, FRAME } from './codes.ts'
import {
  block,
  data,
  type Fields,
  frame,
  GET,
  headers,
  POST,
  padded,
  priority,
  reset,
  settings,
  windowUpdate,
} from './talk.suite.ts'

const without = (name: string): Fields => GET.filter((one) => one[0] !== name)
const change = (name: string, value: string): Fields => GET.map((one) => (one[0] === name ? [name, value] : one))

/** What a server must take (RFC 9113, RFC 7541); `text` is the request that it is: method, target, body. */
export const LAWFUL: Readonly<Record<string, { said: Buffer[]; text: string }>> = {
  'a body': { said: [headers(1, POST, 0), data(1, 'ab'), data(1, 'c', FLAG.endStream)], text: 'POST /x abc' },
  'a body of the length that was said': {
    said: [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'abc', FLAG.endStream)],
    text: 'POST /x abc',
  },
  'an empty body, by its end': { said: [headers(1, POST, 0), data(1, '', FLAG.endStream)], text: 'POST /x ' },
  'an empty body that was said to be so': {
    said: [headers(1, [...POST, ['content-length', '0']], 0), data(1, '', FLAG.endStream)],
    text: 'POST /x ',
  },
  trailers: { said: [headers(1, POST, 0), data(1, 'a'), headers(1, [['x-t', '1']])], text: 'POST /x a' },
  padding: {
    said: [
      padded(FRAME.headers, FLAG.endHeaders, 1, 3, block(POST)),
      padded(FRAME.data, FLAG.endStream, 1, 5, Buffer.from('a')),
    ],
    text: 'POST /x a',
  },
  'a priority': {
    said: [
      frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 0, 9])),
      frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 3, 9]), block(GET)])),
    ],
    text: 'GET /x ',
  },
  'a head in three frames': {
    said: [
      frame(FRAME.headers, FLAG.endStream, 1, block(GET).subarray(0, 5)),
      frame(FRAME.continuation, 0, 1, block(GET).subarray(5, 6)),
      frame(FRAME.continuation, FLAG.endHeaders, 1, block(GET).subarray(6)),
    ],
    text: 'GET /x ',
  },
  'frames of unknown types': { said: [frame(99, 255, 0, Buffer.from('a')), headers(1, GET)], text: 'GET /x ' },
  'a GOAWAY of the client': { said: [frame(FRAME.goaway, 0, 0, Buffer.alloc(8)), headers(1, GET)], text: 'GET /x ' },
  'unknown settings': { said: [settings([99, 1], [8, 1]), headers(1, GET)], text: 'GET /x ' },
  'a GOAWAY with an unknown code': {
    said: [frame(FRAME.goaway, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0xff])), headers(1, GET)],
    text: 'GET /x ',
  },
  'an RST_STREAM with an unknown code': {
    said: [headers(3, POST, 0), reset(3, 0xff), headers(5, GET)],
    text: 'GET /x ',
  },
  'flags that there are not, and the reserved bit': {
    said: [frame(FRAME.headers, 0xd5, 0x80000001, block(GET))],
    text: 'GET /x ',
  },
  'a body of 16 KiB in one frame': {
    said: [headers(1, POST, 0), data(1, 'a'.repeat(16_384), FLAG.endStream)],
    text: `POST /x ${'a'.repeat(16_384)}`,
  },
  'a body of the length that was said, in pieces': {
    said: [headers(1, [...POST, ['content-length', '4']], 0), data(1, 'ab'), data(1, 'cd', FLAG.endStream)],
    text: 'POST /x abcd',
  },
  'priorities of all kinds, also of streams that have not begun or have ended': {
    said: [
      ...[0, 255].map((weight) => priority(1, 3, weight)),
      ...[priority(1, 0x80000003, 9), priority(7, 5, 9), headers(1, GET), priority(1, 3, 9)],
      ...[windowUpdate(1, 1_000), windowUpdate(0, 1_000)],
    ],
    text: 'GET /x ',
  },
  '*, of OPTIONS': {
    said: [headers(1, [[':method', 'OPTIONS'], ...change(':path', '*').slice(1)])],
    text: 'OPTIONS * ',
  },
}

/** Heads that are none. `reason` is that of the answer. */
export const REFUSED: Readonly<Record<string, { fields: Fields; reason: string }>> = {
  'no :method': { fields: without(':method'), reason: 'method' },
  'no :scheme': { fields: without(':scheme'), reason: 'scheme' },
  'no :path': { fields: without(':path'), reason: 'target_form' },
  'an empty :path': { fields: change(':path', ''), reason: 'target_form' },
  'an absolute :path': { fields: change(':path', 'http://b/x'), reason: 'target_form' },
  '* of GET': { fields: change(':path', '*'), reason: 'target_form' },
  'a blank in :path': { fields: change(':path', '/a b'), reason: 'target_characters' },
  'a blank in :method': { fields: change(':method', 'G ET'), reason: 'method' },
  'a :scheme that is none': { fields: change(':scheme', 'ht tp'), reason: 'scheme' },
  'two :methods': { fields: [...GET, [':method', 'GET']], reason: 'pseudo_header' },
  'two :schemes': { fields: [...GET, [':scheme', 'http']], reason: 'pseudo_header' },
  'two :paths': { fields: [...GET, [':path', '/y']], reason: 'pseudo_header' },
  ':status': { fields: [...GET, [':status', '200']], reason: 'pseudo_header' },
  'an unknown pseudo-header': { fields: [...GET, [':constructor', '1']], reason: 'pseudo_header' },
  'a pseudo-header behind a field': {
    fields: [...without(':path'), ['a', 'b'], [':path', '/']],
    reason: 'pseudo_header',
  },
  ':protocol of GET': { fields: [...GET, [':protocol', 'websocket']], reason: 'pseudo_header' },
  'another Host': { fields: [...GET, ['host', 'b']], reason: 'host_mismatch' },
  'two Hosts': { fields: [...GET, ['host', 'a'], ['host', 'a']], reason: 'repeated_header' },
  'a name in capitals': { fields: [...GET, ['X-A', '1']], reason: 'header_name' },
  'a line end in a value': { fields: [...GET, ['x-a', 'a\nb']], reason: 'control_character' },
  'a blank behind a value': { fields: [...GET, ['x-a', 'a ']], reason: 'header_value' },
  Connection: { fields: [...GET, ['connection', 'close']], reason: 'connection_field' },
  'TE that is more than trailers': { fields: [...GET, ['te', 'gzip']], reason: 'connection_field' },
  'a length, and no body': { fields: [...GET, ['content-length', '1']], reason: 'content_length' },
  'two lengths': { fields: [...GET, ['content-length', '0'], ['content-length', '1']], reason: 'two_lengths' },
  'a length that is none': { fields: [...GET, ['content-length', '1, 1']], reason: 'content_length' },
  'a head that is too large': { fields: [...GET, ['x-a', 'a'.repeat(16_350)]], reason: 'head_too_large' },
  'too many fields': {
    fields: [...GET, ...Array.from({ length: 120 }, () => ['a', 'b'] as const)],
    reason: 'too_many_headers',
  },
}

/** One of `REFUSED`, in as many frames as it needs. */
export function refusedHead(fields: Fields): Buffer {
  const head = block(fields)
  const first = frame(FRAME.headers, FLAG.endStream, 1, head.subarray(0, 16_384))
  return Buffer.concat([first, frame(FRAME.continuation, FLAG.endHeaders, 1, head.subarray(16_384))])
}

/** Of `REFUSED` those that are not malformed, but more than is taken. */
export const TOO_MUCH: ReadonlySet<string> = new Set(['head_too_large', 'too_many_headers'])
