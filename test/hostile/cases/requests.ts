/** Methods, upgrades, expectations, requests behind requests, and requests that break off. */
import { HOST, type RequestCase } from '../contract.ts'
import { chunked, get, post, raw, SMUGGLED } from './build.ts'

const method = (name: string, target = '/x'): string => raw([`${name} ${target} HTTP/1.1`, `Host: ${HOST}`])
const refuseMethod = (name: string, target = '/x'): RequestCase => ({
  what: `method ${name} ${target}`,
  bytes: method(name, target),
  refuse: 405,
})
const takeMethod = (name: string): RequestCase => ({
  what: `method ${name}`,
  bytes: method(name),
  forward: [{ method: name, target: '/x' }],
})

const METHODS: readonly RequestCase[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(takeMethod),
  ...['TRACE', 'TRACK', 'PROPFIND', 'CONNECT', 'DEBUG', 'PURGE'].map((name) => refuseMethod(name)),
  refuseMethod('CONNECT', 'b.example:443'),
  refuseMethod('CONNECT', '127.0.0.1:22'),
  { what: 'method get', bytes: method('get'), refuse: 405 },
  { what: 'method Get', bytes: method('Get'), refuse: 405 },
  { what: 'method GETT', bytes: method('GETT'), refuse: 405 },
  { what: "method '!", bytes: method("'!"), refuse: 405 },
  { what: 'method PRI', bytes: method('PRI', '*'), refuse: 405 },
  {
    what: 'a TLS greeting',
    bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    refuse: 400,
    malformed: true,
  },
  { what: 'a greeting of SSH', bytes: 'SSH-2.0-OpenSSH_9.2\r\n\r\n', refuse: 400, malformed: true },
  { what: 'a line of Redis', bytes: '*1\r\n$4\r\nPING\r\n\r\n', refuse: 400, malformed: true },
  { what: 'a PROXY line', bytes: `PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n${get('/x')}`, refuse: 400, malformed: true },
  { what: 'an answer', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', refuse: 400, malformed: true },
]

const forwarded = (target: string) => ({ method: 'GET', target })
const PLAIN = forwarded('/x')
const upgrade = (name: string, ...more: string[]) => get('/x', `Upgrade: ${name}`, 'Connection: Upgrade', ...more)

const UPGRADES: readonly RequestCase[] = [
  {
    what: 'upgrade to h2c',
    bytes: get('/x', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABk'),
    forward: [PLAIN],
  },
  { what: 'upgrade to h2c without settings', bytes: upgrade('h2c'), forward: [PLAIN] },
  { what: 'upgrade to H2C', bytes: upgrade('H2C'), forward: [PLAIN] },
  {
    what: 'upgrade to h2c whose settings Connection does not name',
    bytes: upgrade('h2c', 'HTTP2-Settings: AAMAAABk'),
    forward: [PLAIN],
  },
  {
    // Refused last, as node:http takes what stands behind such a request for no HTTP.
    what: 'upgrade to h2c, and requests behind it',
    bytes: upgrade('h2c') + get('/b') + method('TRACE'),
    forward: [PLAIN, forwarded('/b')],
    refuse: 405,
  },
  {
    what: 'upgrade to h2c, and the preface behind it',
    bytes: `${upgrade('h2c')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    forward: [PLAIN],
    refuse: 400,
  },
  {
    what: 'upgrade to h2c with a body',
    bytes: post(['Upgrade: h2c', 'Connection: Upgrade', 'Content-Length: 3'], 'abc'),
    forward: [{ method: 'POST', target: '/x', body: 'abc' }],
  },
  { what: 'upgrade to h2c twice', bytes: upgrade('h2c', 'Upgrade: h2c'), refuse: 400 },
  { what: 'upgrade to h2', bytes: upgrade('h2'), refuse: 400 },
  { what: 'upgrade to TLS', bytes: upgrade('TLS/1.0'), refuse: 400 },
  { what: 'upgrade to an unknown protocol', bytes: upgrade('x'), refuse: 400 },
  { what: 'upgrade to a list', bytes: upgrade('h2c, websocket'), refuse: 400 },
  { what: 'upgrade to a list with websocket first', bytes: upgrade('websocket, h2c'), refuse: 400 },
  { what: 'h2c that Connection does not name', bytes: get('/x', 'Upgrade: h2c'), forward: [PLAIN] },
  {
    what: 'upgrade to websocket in HTTP/1.0',
    bytes: raw(['GET /x HTTP/1.0', `Host: ${HOST}`, 'Upgrade: websocket', 'Connection: Upgrade']),
    forward: [PLAIN],
  },
]

const EXPECTATIONS: readonly RequestCase[] = [
  { what: 'another expectation', bytes: post(['Expect: 200-ok', 'Content-Length: 0'], ''), refuse: 417 },
  { what: '100-continue with another', bytes: post(['Expect: 100-continue, x', 'Content-Length: 0'], ''), refuse: 417 },
  { what: 'a misspelt 100-continue', bytes: post(['Expect: 100-continued', 'Content-Length: 0'], ''), refuse: 417 },
  {
    what: '100-continue with its body at once',
    bytes: post(['Expect: 100-continue', 'Content-Length: 3'], 'abc'),
    forward: [{ method: 'POST', target: '/x', body: 'abc' }],
  },
  {
    what: '100-Continue on a GET without a body',
    bytes: get('/x', 'Expect: 100-Continue'),
    forward: [{ method: 'GET', target: '/x' }],
  },
]

const PIPELINED: readonly RequestCase[] = [
  {
    what: 'two requests',
    bytes: get('/a') + get('/b'),
    forward: [
      { method: 'GET', target: '/a' },
      { method: 'GET', target: '/b' },
    ],
  },
  {
    what: 'ten requests in order',
    bytes: Array.from({ length: 10 }, (_, i) => get(`/${i}`)).join(''),
    forward: Array.from({ length: 10 }, (_, i) => ({ method: 'GET', target: `/${i}` })),
  },
  {
    what: 'a request behind a body',
    bytes: post(['Content-Length: 3'], 'abc') + get('/y'),
    forward: [
      { method: 'POST', target: '/x', body: 'abc' },
      { method: 'GET', target: '/y' },
    ],
  },
  {
    what: 'garbage behind a request',
    bytes: `${get('/x')}garbage\r\n\r\n`,
    forward: [{ method: 'GET', target: '/x' }],
    refuse: 400,
  },
  {
    what: 'more bytes than Content-Length says',
    bytes: `${post(['Content-Length: 3'], 'abcdef')}\r\n\r\n`,
    forward: [{ method: 'POST', target: '/x', body: 'abc' }],
    refuse: 400,
  },
  {
    what: 'a body without a length that is a request',
    bytes: post([], get('/y')),
    forward: [
      { method: 'POST', target: '/x' },
      { method: 'GET', target: '/y' },
    ],
  },
  { what: 'a request behind a refused one', bytes: get('/a//b') + get('/y'), refuse: 400 },
  { what: 'a request behind a malformed one', bytes: get('/a', 'A : b') + get('/y'), refuse: 400, malformed: true },
  {
    what: 'a refused request behind a good one',
    bytes: get('/a') + get('/../b'),
    forward: [{ method: 'GET', target: '/a' }],
    refuse: 400,
  },
  {
    what: 'a request behind Connection: close',
    bytes: get('/a', 'Connection: close') + get('/b'),
    forward: [{ method: 'GET', target: '/a' }],
    drop: true,
  },
  {
    what: 'a request behind HTTP/1.0 without keep-alive',
    bytes: raw(['GET /a HTTP/1.0', `Host: ${HOST}`]) + get('/b'),
    forward: [{ method: 'GET', target: '/a' }],
    drop: true,
  },
  {
    what: 'an empty line before a request',
    bytes: `\r\n${get('/x')}`,
    forward: [{ method: 'GET', target: '/x' }],
  },
  {
    what: 'a request hidden in the body of a GET',
    bytes: `${get('/x', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}`,
    forward: [{ method: 'GET', target: '/x', body: SMUGGLED }],
  },
]

const broken = (what: string, bytes: string): RequestCase => ({
  what: `breaks off: ${what}`,
  bytes,
  end: true,
  drop: true,
})

const BROKEN: readonly RequestCase[] = [
  broken('before anything', ''),
  broken('in the method', 'GE'),
  broken('behind the request line', 'GET /x HTTP/1.1\r\n'),
  broken('in a field', `GET /x HTTP/1.1\r\nHost: ${HOST}\r\nA: b`),
  broken('before the empty line', `GET /x HTTP/1.1\r\nHost: ${HOST}\r\n`),
  broken('in the CRLF of the empty line', `GET /x HTTP/1.1\r\nHost: ${HOST}\r\n\r`),
  broken('before the body', post(['Content-Length: 3'], '')),
  broken('in the body', post(['Content-Length: 300'], 'ab')),
  broken('in a large body', post(['Content-Length: 200000'], 'a'.repeat(100_000))),
  broken('before a chunk size', chunked('')),
  broken('in a chunk size', chunked('3')),
  broken('in a chunk', chunked('3\r\nab')),
  broken('behind a chunk', chunked('3\r\nabc\r\n')),
  broken('behind the last chunk', chunked('3\r\nabc\r\n0\r\n')),
  broken('in the trailers', chunked('3\r\nabc\r\n0\r\nA: b\r\n')),
]

export const REQUESTS: readonly RequestCase[] = [...METHODS, ...UPGRADES, ...EXPECTATIONS, ...PIPELINED, ...BROKEN]
