/** What upstreams say that is no answer, or one that two clients would read in two ways. */
import type { ResponseCase } from '../contract.ts'
import { CONTROLS, hex } from './build.ts'

const answer = (fields: readonly string[], body = '', status = '200 OK') =>
  `HTTP/1.1 ${status}\r\n${[...fields, ''].join('\r\n')}\r\n${body}`

/** Nothing of it can be passed on. */
const bad = (what: string, bytes: string, after?: 'end' | 'reset'): ResponseCase => ({
  what,
  bytes,
  expect: { status: 502 },
  ...(after === undefined ? {} : { after }),
})
const head = (what: string, ...fields: string[]) => bad(`head: ${what}`, answer(['Content-Length: 2', ...fields], 'ok'))
const cut = (what: string, bytes: string, after?: 'end' | 'reset'): ResponseCase => ({
  what: `cut: ${what}`,
  bytes,
  expect: 'cut',
  ...(after === undefined ? {} : { after }),
})
/** Whole and clean: the connection may be used again. */
const good = (what: string, bytes: string, body: string, fields = {}): ResponseCase => ({
  what: `passes: ${what}`,
  bytes,
  expect: { status: 200, body, fields },
  reusable: true,
})
/** The answer is whole, what stands behind it is not an answer to anybody. */
const dirty = (what: string, bytes: string, body = 'ok'): ResponseCase => ({
  what: `extra bytes: ${what}`,
  bytes,
  expect: { status: 200, body },
})

const OK = answer(['Content-Length: 2'], 'ok')
const CHUNKED = 'Transfer-Encoding: chunked'
/** So large that a gateway which waits for whole small bodies has passed on the head before it breaks. */
const LARGE = 'x'.repeat(300_000)

const STATUS_LINES: Readonly<Record<string, string>> = {
  'no version': '200 OK',
  'HTTP/0.9': 'hello',
  'HTTP/2.0': 'HTTP/2.0 200 OK',
  'HTTP/1.2': 'HTTP/1.2 200 OK',
  'HTTP/1.': 'HTTP/1. 200 OK',
  'small letters': 'http/1.1 200 OK',
  ICY: 'ICY 200 OK',
  'two digits': 'HTTP/1.1 20 OK',
  'four digits': 'HTTP/1.1 2000 OK',
  'a word for a status': 'HTTP/1.1 abc OK',
  'status 000': 'HTTP/1.1 000 OK',
  'status 099': 'HTTP/1.1 099 OK',
  'status 600': 'HTTP/1.1 600 OK',
  'status 999': 'HTTP/1.1 999 OK',
  'a negative status': 'HTTP/1.1 -20 OK',
  'no status': 'HTTP/1.1',
  'two blanks before the status': 'HTTP/1.1  200 OK',
  'a tab before the status': 'HTTP/1.1\t200 OK',
  'a blank before': ' HTTP/1.1 200 OK',
  'a NUL in the reason': 'HTTP/1.1 200 O\0K',
  'a bare CR in the reason': 'HTTP/1.1 200 O\rK',
  'a bare CR that hides a field': 'HTTP/1.1 200 OK\rSet-Cookie: a=b',
  'a request': 'GET / HTTP/1.1',
}

export const RESPONSES: readonly ResponseCase[] = [
  good('a length', OK, 'ok'),
  good('no body', answer(['Content-Length: 0']), ''),
  good('chunked', answer([CHUNKED], '2\r\nok\r\n0\r\n\r\n'), 'ok'),
  good('chunked with an extension', answer([CHUNKED], '2;a=b\r\nok\r\n0\r\n\r\n'), 'ok'),
  good('no reason', answer(['Content-Length: 2'], 'ok', '200 '), 'ok'),
  good('bytes above ASCII in a value', answer(['Content-Length: 2', 'A: \xe9'], 'ok'), 'ok', { a: '\xe9' }),
  good('an own field', answer(['Content-Length: 2', 'X-A: 1'], 'ok'), 'ok', { 'x-a': '1' }),
  good('a field that Connection names', answer(['Content-Length: 2', 'X-A: 1', 'Connection: X-A'], 'ok'), 'ok', {
    'x-a': null,
  }),
  good('Keep-Alive', answer(['Content-Length: 2', 'Keep-Alive: timeout=600'], 'ok'), 'ok', {}),
  good('Proxy-Authenticate', answer(['Content-Length: 2', 'Proxy-Authenticate: Basic'], 'ok'), 'ok', {
    'proxy-authenticate': null,
  }),
  good('Proxy-Connection', answer(['Content-Length: 2', 'Proxy-Connection: close'], 'ok'), 'ok', {
    'proxy-connection': null,
  }),
  good('Trailer', answer(['Content-Length: 2', 'Trailer: X-A'], 'ok'), 'ok', { trailer: null }),
  good('Upgrade', answer(['Content-Length: 2', 'Upgrade: h2c'], 'ok'), 'ok', { upgrade: null }),
  good('a 100 before the answer', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, 'ok'),
  good('a 103 before the answer', `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${OK}`, 'ok'),
  good('a large body', answer([`Content-Length: ${LARGE.length}`], LARGE), LARGE),
  {
    what: 'passes: a body until the end',
    bytes: answer([], 'ok'),
    after: 'end',
    expect: { status: 200, body: 'ok' },
  },
  {
    what: 'passes: Connection: close',
    bytes: answer(['Content-Length: 2', 'Connection: close'], 'ok'),
    expect: { status: 200, body: 'ok' },
  },
  {
    what: 'passes: HTTP/1.0 with a length',
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    after: 'end',
    expect: { status: 200, body: 'ok' },
  },
  {
    what: 'HEAD with a length',
    method: 'HEAD',
    bytes: answer(['Content-Length: 2']),
    expect: { status: 200, body: '' },
    reusable: true,
  },
  {
    what: 'HEAD with chunked',
    method: 'HEAD',
    bytes: answer([CHUNKED]),
    expect: { status: 200, body: '' },
    reusable: true,
  },
  { what: 'HEAD with a body all the same', method: 'HEAD', bytes: OK, expect: { status: 200, body: '' } },
  { what: '204', bytes: answer([], '', '204 No Content'), expect: { status: 204, body: '' }, reusable: true },
  {
    what: '204 with a body all the same',
    bytes: answer(['Content-Length: 2'], 'ok', '204 No Content'),
    expect: { status: 204, body: '' },
  },
  {
    what: '304 with a length',
    bytes: answer(['Content-Length: 2'], '', '304 Not Modified'),
    expect: { status: 304, body: '' },
    reusable: true,
  },
  {
    what: '304 with a body all the same',
    bytes: answer(['Content-Length: 2'], 'ok', '304 Not Modified'),
    expect: { status: 304, body: '' },
  },
  ...Object.entries(STATUS_LINES).map(([what, line]) =>
    bad(`status line: ${what}`, `${line}\r\nContent-Length: 2\r\n\r\nok`),
  ),
  bad('a bare LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok'),
  bad('only bare LFs', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  bad('a field ended by a bare LF', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok'),
  bad('a field ended by a bare CR', 'HTTP/1.1 200 OK\r\nA: b\rContent-Length: 2\r\n\r\nok'),
  bad('binary noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
  head('a length twice', 'Content-Length: 2'),
  head('two lengths', 'Content-Length: 3'),
  head('length and chunked', CHUNKED),
  head('a field without a colon', 'nonsense'),
  head('a field without a name', ': b'),
  head('a blank before the colon', 'A : b'),
  head('a blank in a name', 'A B: c'),
  head('a folded field', 'A: b', ' c'),
  head('a fold before any field', ''.concat(' A: b')),
  head('a bare CR in a value', 'A: b\rSet-Cookie: c=d'),
  head('a bare LF in a value', 'A: b\nSet-Cookie: c=d'),
  ...CONTROLS.map((one) => head(`\\x${hex(one)} in a value`, `A: b${one}c`)),
  ...CONTROLS.filter((_, i) => i % 4 === 0).map((one) => head(`\\x${hex(one)} in a name`, `A${one}B: c`)),
  ...[...'"(),/;<=>?@[\\]{}'].map((one) => head(`${one} in a name`, `A${one}B: c`)),
  ...['+2', '-2', '0x2', '2,', '2, 2', '2 2', '', 'two', '18446744073709551618', '2.0'].map((length) =>
    bad(`Content-Length: ${length || 'empty'}`, answer([`Content-Length: ${length}`], 'ok')),
  ),
  ...['gzip', 'identity', 'gzip, chunked', 'chunked, identity', 'chunked, chunked', 'xchunked', '\x0bchunked', ''].map(
    (coding) =>
      bad(
        `Transfer-Encoding: ${coding || 'empty'}`,
        answer([`Transfer-Encoding: ${coding}`], '2\r\nok\r\n0\r\n\r\n'),
        'end',
      ),
  ),
  bad(
    'a 101 that nobody asked for',
    answer(['Upgrade: websocket', 'Connection: Upgrade'], '', '101 Switching Protocols'),
  ),
  bad('1,000 interim answers', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000) + OK),
  bad('a head of 200 KiB', answer([`A: ${'b'.repeat(200 * 1024)}`, 'Content-Length: 2'], 'ok')),
  bad('10,000 fields', answer([...Array.from({ length: 10_000 }, (_, i) => `h${i}: v`), 'Content-Length: 2'], 'ok')),
  bad('nothing, and the end', '', 'end'),
  bad('nothing, and a reset', '', 'reset'),
  bad('half a status line, and the end', 'HTTP/1.1 20', 'end'),
  bad('half a head, and the end', 'HTTP/1.1 200 OK\r\nContent-Le', 'end'),
  bad('a head without its empty line, and the end', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n', 'end'),
  bad('half a head, and a reset', 'HTTP/1.1 200 OK\r\nContent-Le', 'reset'),
  cut('a length, and the end before any of it', answer(['Content-Length: 2']), 'end'),
  cut('the end inside a small body', answer(['Content-Length: 5'], 'ok'), 'end'),
  cut('a reset inside a small body', answer(['Content-Length: 5'], 'ok'), 'reset'),
  cut('the end inside a large body', answer([`Content-Length: ${LARGE.length + 1}`], LARGE), 'end'),
  cut('a reset inside a large body', answer([`Content-Length: ${LARGE.length + 1}`], LARGE), 'reset'),
  cut('the end before a chunk', answer([CHUNKED]), 'end'),
  cut('the end inside a chunk', answer([CHUNKED], '5\r\nok'), 'end'),
  cut('the end behind a chunk', answer([CHUNKED], '2\r\nok\r\n'), 'end'),
  cut('the end behind the last size', answer([CHUNKED], '2\r\nok\r\n0\r\n'), 'end'),
  cut('a reset inside a chunk', answer([CHUNKED], '5\r\nok'), 'reset'),
  cut('a chunk size that is none', answer([CHUNKED], '2\r\nok\r\nxyz\r\n')),
  cut('a chunk size with a blank', answer([CHUNKED], '2 \r\nok\r\n0\r\n\r\n')),
  cut('a chunk size 0x2', answer([CHUNKED], '0x2\r\nok\r\n0\r\n\r\n')),
  cut('a negative chunk size', answer([CHUNKED], '-2\r\nok\r\n0\r\n\r\n')),
  cut('a chunk size of 17 digits', answer([CHUNKED], `${'f'.repeat(17)}\r\nok\r\n0\r\n\r\n`)),
  cut('a chunk longer than said', answer([CHUNKED], '2\r\nokay\r\n0\r\n\r\n')),
  cut('a bare LF behind a chunk size', answer([CHUNKED], '2\nok\r\n0\r\n\r\n')),
  cut('a bare LF behind a chunk', answer([CHUNKED], '2\r\nok\n0\r\n\r\n')),
  cut('an extension of 20 KiB', answer([CHUNKED], `2;${'x'.repeat(20 * 1024)}\r\nok\r\n0\r\n\r\n`)),
  cut('a trailer that frames', answer([CHUNKED], '2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n')),
  cut('a trailer without a colon', answer([CHUNKED], '2\r\nok\r\n0\r\nnonsense\r\n\r\n')),
  dirty('a second answer behind a length', OK + answer(['Content-Length: 6'], 'poison')),
  dirty(
    'a second answer behind chunks',
    answer([CHUNKED], '2\r\nok\r\n0\r\n\r\n') + answer(['Content-Length: 6'], 'poison'),
  ),
  dirty('one byte', `${OK}x`),
  dirty('an empty line', `${OK}\r\n`),
  dirty('a body longer than its length', answer(['Content-Length: 2'], 'okay')),
  dirty(
    'a 408 as some servers say goodbye',
    OK + answer(['Content-Length: 0', 'Connection: close'], '', '408 Request Timeout'),
  ),
  dirty('garbage behind chunks', `${answer([CHUNKED], '2\r\nok\r\n0\r\n\r\n')}garbage`),
]
