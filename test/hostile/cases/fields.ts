/** Fields that are for one connection only, that the gateway writes itself, that mean nothing twice, and too many of them. */
import { HOST, type RequestCase } from '../contract.ts'
import { get, post, raw } from './build.ts'

type Fields = readonly (readonly [name: string, value: string])[]

/** A GET with `sent`, of which `kept` goes on. */
const pass = (what: string, sent: readonly string[], kept: Fields = []): RequestCase => ({
  what,
  bytes: get('/x', ...sent),
  forward: [{ method: 'GET', target: '/x', fields: [['host', HOST], ...kept] }],
})
const refuse = (what: string, ...fields: string[]): RequestCase => ({ what, bytes: get('/x', ...fields), refuse: 400 })

/** What the connection's own fields say is not for the upstream. */
const HOP_BY_HOP: readonly RequestCase[] = [
  pass('Connection: keep-alive', ['Connection: keep-alive']),
  pass('Connection: close', ['Connection: close']),
  pass('Keep-Alive', ['Keep-Alive: timeout=5']),
  pass('Proxy-Connection', ['Proxy-Connection: keep-alive']),
  pass('TE', ['TE: gzip']),
  pass('TE: trailers', ['TE: trailers', 'Connection: TE']),
  pass('Trailer', ['Trailer: X-Sum']),
  pass('Proxy-Authenticate', ['Proxy-Authenticate: Basic']),
  pass('Proxy-Authorization', ['Proxy-Authorization: Basic eA==']),
  pass('Upgrade that Connection does not name', ['Upgrade: websocket']),
  pass('HTTP2-Settings', ['HTTP2-Settings: AAMAAABk', 'Connection: HTTP2-Settings']),
  pass('a field that Connection names', ['X-Secret: 1', 'Connection: X-Secret']),
  pass('a field that Connection names in other case', ['X-Secret: 1', 'Connection: close, x-sEcReT']),
  pass('a field that a second Connection names', ['X-A: 1', 'X-B: 2', 'Connection: X-A', 'Connection: X-B']),
  pass('a Connection with empty members', ['X-A: 1', 'Connection: ,, X-A ,,']),
  pass('Connection naming nothing that is there', ['Connection: X-Nothing']),
  pass('Connection naming Host', ['Connection: Host']),
  pass(
    'Connection naming Authorization',
    ['Authorization: Basic eA==', 'Connection: Authorization'],
    [['authorization', 'Basic eA==']],
  ),
  pass('Connection naming Cookie', ['Cookie: a=b', 'Connection: Cookie'], [['cookie', 'a=b']]),
  pass('Connection naming X-Forwarded-For', ['Connection: X-Forwarded-For, X-Real-IP, X-Forwarded-Host, Forwarded']),
  pass('Connection naming the trace', ['Connection: traceparent, x-request-id']),
  {
    what: 'Connection naming Content-Length',
    bytes: post(['Content-Length: 3', 'Connection: Content-Length'], 'abc'),
    forward: [{ method: 'POST', target: '/x', body: 'abc' }],
  },
  {
    what: 'Connection naming Transfer-Encoding',
    bytes: post(['Transfer-Encoding: chunked', 'Connection: Transfer-Encoding'], '3\r\nabc\r\n0\r\n\r\n'),
    forward: [{ method: 'POST', target: '/x', body: 'abc' }],
  },
]

/** What a client says about where it comes from is not believed. */
const FORWARDED: readonly RequestCase[] = [
  pass('X-Forwarded-For', ['X-Forwarded-For: 1.1.1.1']),
  pass('X-Forwarded-For in capitals', ['X-FORWARDED-FOR: 1.1.1.1']),
  pass('two X-Forwarded-For', ['X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 2.2.2.2']),
  pass('X-Forwarded-Host', ['X-Forwarded-Host: b.example']),
  pass('X-Forwarded-Proto', ['X-Forwarded-Proto: https']),
  pass('X-Forwarded-Port', ['X-Forwarded-Port: 443']),
  pass('X-Forwarded-Server', ['X-Forwarded-Server: b']),
  pass('X-Forwarded-Prefix', ['X-Forwarded-Prefix: /admin']),
  pass('X-Real-IP', ['X-Real-IP: 1.1.1.1']),
  pass('Forwarded', ['Forwarded: for=1.1.1.1;host=b.example;proto=https']),
  pass('a deadline of its own', ['X-Skein-Deadline-Ms: 1']),
  pass('an attempt of its own', ['X-Skein-Attempt: 7']),
  refuse('X_Forwarded_For', 'X_Forwarded_For: 1.1.1.1'),
  refuse('X-Forwarded_For', 'X-Forwarded_For: 1.1.1.1'),
  refuse('x_real_ip', 'x_real_ip: 1.1.1.1'),
]

const TWICE_REFUSED = [
  'Authorization',
  'Content-Encoding',
  'Content-Type',
  'Expect',
  'Origin',
  'Proxy-Authorization',
  'Sec-WebSocket-Key',
  'Upgrade',
  'User-Agent',
]

const TWICE: readonly RequestCase[] = [
  ...TWICE_REFUSED.map((name) => refuse(`${name} twice`, `${name}: 100-continue`, `${name.toLowerCase()}: x`)),
  pass(
    'Accept twice',
    ['Accept: a', 'Accept: b'],
    [
      ['accept', 'a'],
      ['accept', 'b'],
    ],
  ),
  pass(
    'Cookie twice',
    ['Cookie: a=1', 'Cookie: b=2'],
    [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  ),
  pass(
    'an own field twice',
    ['X-A: 1', 'x-a: 2'],
    [
      ['x-a', '1'],
      ['x-a', '2'],
    ],
  ),
  refuse('a list of Content-Encodings', 'Content-Encoding: gzip, gzip'),
]

const many = (count: number) => Array.from({ length: count }, (_, i) => `h${i}: v`)

const SIZES: readonly RequestCase[] = [
  pass(
    '100 fields',
    many(99),
    many(99).map((field) => field.split(': ') as [string, string]),
  ),
  { what: '101 fields', bytes: get('/x', ...many(100)), refuse: 431 },
  { what: '1,001 fields, the last an Authorization', bytes: get('/x', ...many(999), 'Authorization: x'), refuse: 431 },
  { what: '3,000 fields of no length', bytes: get('/x', ...Array.from({ length: 3000 }, () => 'a:')), refuse: 431 },
  { what: 'a value of 17 KiB', bytes: get('/x', `A: ${'b'.repeat(17 * 1024)}`), refuse: 431 },
  { what: 'a name of 17 KiB', bytes: get('/x', `${'a'.repeat(17 * 1024)}: b`), refuse: 431 },
  { what: '20 KiB without a line end', bytes: `GET /${'a'.repeat(20 * 1024)}`, refuse: 431 },
  { what: '20 KiB of a field without an end', bytes: `GET /x HTTP/1.1\r\nA: ${'a'.repeat(20 * 1024)}`, refuse: 431 },
  { what: 'a method of 20 KiB', bytes: raw([`${'A'.repeat(20 * 1024)} /x HTTP/1.1`, `Host: ${HOST}`]), refuse: 431 },
  pass('a value of 12 KiB', [`A: ${'b'.repeat(12 * 1024)}`], [['a', 'b'.repeat(12 * 1024)]]),
  {
    what: 'a body beyond the limit of its route',
    bytes: post(['Content-Length: 11'], 'x'.repeat(11), '/small'),
    refuse: 413,
    mayGoOn: true,
  },
  {
    what: 'a chunked body beyond the limit of its route',
    bytes: post(['Transfer-Encoding: chunked'], `b\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`, '/small'),
    refuse: 413,
    mayGoOn: true,
  },
  {
    what: 'a body within the limit of its route',
    bytes: post(['Content-Length: 10'], 'x'.repeat(10), '/small'),
    forward: [{ method: 'POST', target: '/small', body: 'x'.repeat(10) }],
  },
]

export const FIELDS: readonly RequestCase[] = [...HOP_BY_HOP, ...FORWARDED, ...TWICE, ...SIZES]
