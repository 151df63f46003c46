/** Hostile bytes on a raw socket, a recorder behind the gateway: it must see exactly what was meant, or nothing. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { readRequests, type SeenRequest } from './strict-parser.suite.ts'
import { instance, rawRequest, tcpUpstream, workbench } from './workbench.suite.ts'

interface Bench {
  readonly port: number
  /** Whole requests received behind the gateway; throws when bytes are there that are no strict HTTP. */
  seen(): readonly SeenRequest[]
}

async function recorded(t: import('node:test').TestContext): Promise<Bench> {
  const connections: { text: string; answered: number }[] = []
  const upstream = await tcpUpstream(t, (socket) => {
    const connection = { text: '', answered: 0 }
    connections.push(connection)
    socket.on('data', (chunk) => {
      connection.text += chunk.toString('latin1')
      const { requests } = readRequests(connection.text)
      while (connection.answered < requests.length) {
        connection.answered++
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      }
    })
  })
  const bench = await workbench(t, {
    instances: [instance(upstream.port)],
    routes: [
      { path: '/*', to: 'users' },
      { path: '/admin/*', to: 'nobody' },
    ],
    limits: { lingerMs: 50 },
    defaults: { attempts: 1 },
  })
  return { port: bench.gateway.port, seen: () => connections.flatMap(({ text }) => readRequests(text).requests) }
}

const GET = (target: string, ...fields: string[]) =>
  `GET ${target} HTTP/1.1\r\n${['Host: a.com', ...fields].join('\r\n')}\r\n\r\n`
const POST = (fields: string[], body: string) =>
  `POST /x HTTP/1.1\r\n${['Host: a.com', ...fields].join('\r\n')}\r\n\r\n${body}`
const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: a.com\r\n\r\n'

const REFUSED: readonly (readonly [what: string, bytes: string, status: number])[] = [
  // S1: framing
  ['CL and TE', POST(['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['TE and CL', POST(['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['two Content-Lengths', POST(['Content-Length: 0', 'Content-Length: 44'], SMUGGLED), 400],
  ['two equal Content-Lengths', POST(['Content-Length: 3', 'Content-Length: 3'], 'abc'), 400],
  ['a list of Content-Lengths', POST(['Content-Length: 3, 3'], 'abc'), 400],
  ['Content-Length +3', POST(['Content-Length: +3'], 'abc'), 400],
  ['Content-Length -1', POST(['Content-Length: -1'], 'abc'), 400],
  ['Content-Length 0x3', POST(['Content-Length: 0x3'], 'abc'), 400],
  ['Content-Length overflow', POST(['Content-Length: 18446744073709551619'], 'abc'), 400],
  ['an empty Content-Length', POST(['Content-Length: '], SMUGGLED), 400],
  ['a blank before the colon', POST(['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['a vertical tab before chunked', POST(['Transfer-Encoding: \x0bchunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['xchunked', POST(['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['a folded line', POST(['Transfer-Encoding:', ' chunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['chunked, identity', POST(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SMUGGLED}`), 400],
  [
    'two Transfer-Encodings',
    POST(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`),
    400,
  ],
  ['chunked twice', POST(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  ['a bare LF', 'GET /x HTTP/1.1\nHost: a.com\n\n', 400],
  ['a bare CR', 'GET /x HTTP/1.1\r\nHost: a.com\r\nA: b\rC: d\r\n\r\n', 400],
  ['NUL in a value', GET('/x', 'A: b\0c'), 400],
  ['a chunk size 0x3', POST(['Transfer-Encoding: chunked'], `0x3\r\nabc\r\n0\r\n\r\n`), 400],
  ['a chunk size with a blank', POST(['Transfer-Encoding: chunked'], `3 \r\nabc\r\n0\r\n\r\n`), 400],
  ['a chunk size of 17 digits', POST(['Transfer-Encoding: chunked'], `${'f'.repeat(17)}\r\nabc\r\n0\r\n\r\n`), 400],
  ['a negative chunk size', POST(['Transfer-Encoding: chunked'], `-3\r\nabc\r\n0\r\n\r\n`), 400],
  ['a chunk longer than said', POST(['Transfer-Encoding: chunked'], `3\r\nabcdef\r\n0\r\n\r\n`), 400],
  // S4: what stands around chunks
  [
    'a chunk extension of 20 KiB',
    POST(['Transfer-Encoding: chunked'], `3;${'x'.repeat(20 * 1024)}\r\nabc\r\n0\r\n\r\n`),
    400,
  ],
  [
    'trailers of 20 KiB',
    POST(['Transfer-Encoding: chunked'], `3\r\nabc\r\n0\r\nx: ${'x'.repeat(20 * 1024)}\r\n\r\n`),
    431,
  ],
  [
    'a Content-Length as trailer',
    POST(['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\nContent-Length: 99\r\n\r\n'),
    400,
  ],
  // S2: what Node lets pass
  ['gzip, chunked', POST(['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${SMUGGLED}`), 400],
  [
    'chunked in HTTP/1.0',
    `POST /x HTTP/1.0\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
  ],
  ['HTTP/2.0', 'GET /x HTTP/2.0\r\nHost: a.com\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /x\r\n\r\n', 400],
  // S5: injection
  ['CR in the target', 'GET /x\r HTTP/1.1\r\nHost: a.com\r\n\r\n', 400],
  ['a blank in the target', GET('/x y'), 400],
  ['bytes above ASCII in the target', GET('/\xc3\xa9'), 400],
  ['a method with a NUL', 'GE\0T /x HTTP/1.1\r\nHost: a.com\r\n\r\n', 400],
  // S7: names that others fold
  ['_ in a name', GET('/x', 'X_Forwarded_For: 1.1.1.1'), 400],
  // S8: paths
  ['a dot segment', GET('/api/../admin'), 400],
  ['an escaped dot segment', GET('/api/%2e%2e/admin'), 400],
  ['an escaped slash', GET('/api/..%2fadmin'), 400],
  ['..;/', GET('/api/..;/admin'), 400],
  ['backslashes', GET('/api/\\..\\admin'), 400],
  ['an escaped backslash', GET('/api/..%5cadmin'), 400],
  ['//', GET('//admin'), 400],
  ['%00', GET('/adm%00in'), 400],
  ['#', GET('/a#/../admin'), 400],
  ['%23', GET('/a%23'), 400],
  ['%252e', GET('/a/%252e%252e/admin'), 400],
  ['an escape cut short', GET('/a%2'), 400],
  // S9: Host
  ['two Hosts', GET('/x', 'Host: b.com'), 400],
  ['two equal Hosts', GET('/x', 'host: a.com'), 400],
  ['no Host', 'GET /x HTTP/1.1\r\n\r\n', 400],
  ['no Host in HTTP/1.0', 'GET /x HTTP/1.0\r\n\r\n', 400],
  ['an empty Host', 'GET /x HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['a Host with a path', 'GET /x HTTP/1.1\r\nHost: a/../b@c\r\n\r\n', 400],
  ['a Host with two names', 'GET /x HTTP/1.1\r\nHost: a.com, b.com\r\n\r\n', 400],
  ['an absolute target of another host', GET('http://b.com/x'), 400],
  ['an absolute target with a user', GET('http://a.com@b.com/x'), 400],
  ['an absolute target of another scheme', GET('ftp://a.com/x'), 400],
  ['a target without a slash', GET('x'), 400],
  ['GET *', GET('*'), 400],
  // S10: tunnels and methods
  ['CONNECT', 'CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n', 405],
  ['CONNECT with bytes behind', `CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n${SMUGGLED}`, 405],
  ['TRACE', 'TRACE /x HTTP/1.1\r\nHost: a.com\r\n\r\n', 405],
  ['an unknown method', 'PURGE /x HTTP/1.1\r\nHost: a.com\r\n\r\n', 405],
  ['an upgrade to TLS', GET('/x', 'Connection: Upgrade', 'Upgrade: TLS/1.0') + SMUGGLED, 400],
  [
    'websocket on a plain route',
    GET(
      '/x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ),
    400,
  ],
  ['two upgrades', GET('/x', 'Connection: Upgrade', 'Upgrade: websocket, h2c'), 400],
  // S13: sizes
  ['101 headers', GET('/x', ...Array.from({ length: 100 }, (_, i) => `h${i}: v`)), 431],
  [
    '1,001 headers, authorisation last',
    GET('/x', ...Array.from({ length: 1000 }, (_, i) => `h${i}: v`), 'Authorization: a'),
    431,
  ],
  ['17 KiB of headers', GET('/x', `a: ${'v'.repeat(17 * 1024)}`), 431],
  ['a target of 9 KiB', GET(`/${'a'.repeat(9 * 1024)}`), 414],
  // S30: one value, two readers
  ['two Authorizations', GET('/x', 'Authorization: a', 'Authorization: b'), 400],
  ['two Content-Types', GET('/x', 'Content-Type: a/b', 'content-type: c/d'), 400],
  ['stacked codings', GET('/x', 'Content-Encoding: gzip, gzip'), 400],
  ['another expectation', GET('/x', 'Expect: 200-ok'), 417],
]

for (const [what, bytes, status] of REFUSED) {
  test(`refused, and nothing behind it is looked at: ${what}`, async (t) => {
    const { port, seen } = await recorded(t)
    const answer = await rawRequest(port, bytes + GET('/behind'))
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.text, /^x-request-id: /im)
    assert.match(answer.text, /^connection: close/im)
    assert.match(answer.text, /"reason":"\w+"/)
    assert.deepEqual(answer.text.match(/HTTP\/1\.1 \d{3}/g)?.length, 1, answer.text)
    assert.deepEqual(seen(), [])
  })
}

const PASSED: readonly (readonly [what: string, bytes: string, expected: Partial<SeenRequest>])[] = [
  ['a plain GET', GET('/x?a=b'), { method: 'GET', target: '/x?a=b', body: '' }],
  ['an escaped letter, undone', GET('/%78'), { target: '/x' }],
  [
    'h2c, which is passed over',
    GET('/x', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    { target: '/x' },
  ],
  ['an absolute target of the same host', GET('http://A.com/x'), { target: '/x' }],
  ['a body of known length', POST(['Content-Length: 3'], 'abc'), { method: 'POST', body: 'abc' }],
  [
    'a chunked body with an extension and a trailer',
    POST(['Transfer-Encoding: chunked'], '3;a=b\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n'),
    { body: 'abc' },
  ],
  ['chunked behind a tab', POST(['Transfer-Encoding:\tchunked'], '3\r\nabc\r\n0\r\n\r\n'), { body: 'abc' }],
  [
    'a GET with a body',
    `GET /x HTTP/1.1\r\nHost: a.com\r\nContent-Length: 3\r\n\r\nabc`,
    { method: 'GET', body: 'abc' },
  ],
  ['HTTP/1.0', 'GET /x HTTP/1.0\r\nHost: a.com\r\n\r\n', { target: '/x' }],
  ['Upgrade without Connection: no upgrade', GET('/x', 'Upgrade: websocket'), { target: '/x' }],
]

for (const [what, bytes, expected] of PASSED) {
  test(`passed on as it was meant: ${what}`, async (t) => {
    const { port, seen } = await recorded(t)
    const answer = await rawRequest(port, bytes)
    assert.equal(answer.status, 200, answer.text)
    const requests = seen()
    assert.equal(requests.length, 1)
    const request = requests[0]!
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(request[key as keyof SeenRequest], value, key)
    const names = request.headers.map(([name]) => name)
    for (const gone of ['upgrade', 'http2-settings', 'trailer', 'te', 'x-trailer'])
      assert.ok(!names.includes(gone), gone)
  })
}

test('a bare LF line in the middle of a request body breaks the call off, and nothing whole arrives behind', async (t) => {
  const { port, seen } = await recorded(t)
  const answer = await rawRequest(
    port,
    POST(['Transfer-Encoding: chunked'], '3\r\nabc\r\n'),
    `3\nabc\r\n0\r\n\r\n${SMUGGLED}`,
  )
  assert.equal(answer.status, 400)
  assert.deepEqual(seen(), [])
})

/** Everything that comes back until the other side ends. */
async function conversation(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('pipelined requests are sent on one after the other and answered in order', async (t) => {
  const { port, seen } = await recorded(t)
  const text = await conversation(port, POST(['Content-Length: 1'], 'a') + GET('/b') + GET('/c', 'Connection: close'))
  assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3)
  assert.deepEqual(
    seen().map(({ target }) => target),
    ['/x', '/b', '/c'],
  )
})

test('what stands before a refused request is answered, then the refusal, then no more', async (t) => {
  const { port, seen } = await recorded(t)
  const text = await conversation(port, GET('/a') + GET('/b', 'Host: b.com') + GET('/c'))
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400'])
  assert.deepEqual(
    seen().map(({ target }) => target),
    ['/a'],
  )
})

test('garbage behind a whole request: both are answered, then the connection ends', async (t) => {
  const { port, seen } = await recorded(t)
  const text = await conversation(port, `${GET('/a')}\0garbage\r\n\r\n`)
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400'])
  assert.deepEqual(
    seen().map(({ target }) => target),
    ['/a'],
  )
})
