import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CHUNKED, UNTIL_CLOSE } from './contract.ts'
import { findHeadEnd, parseRequestHead, parseResponseHead } from './head.ts'
import { HEAD_LIMITS } from './limits.ts'
import { WireError } from './wire-error.ts'
import { requestHead } from './write.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)

function request(text: string, limits = HEAD_LIMITS) {
  const bytes = Buffer.from(text, 'latin1')
  const end = findHeadEnd(bytes, 0, 0, limits)
  return end === -1 ? undefined : parseRequestHead(bytes, 0, end, limits)
}

function response(text: string, method = 'GET') {
  const bytes = Buffer.from(text, 'latin1')
  return parseResponseHead(bytes, 0, findHeadEnd(bytes, 0, 0, HEAD_LIMITS), HEAD_LIMITS, method)
}

const withFields = (...lines: string[]) =>
  `POST /x HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`

test('a request head is read as it stands', () => {
  assert.deepEqual(
    request(
      'GET /a?b=%20 HTTP/1.1\r\nHost: a.com\r\nX-Two:\r\nX-Two: \t é "q" \t\r\nConnection: Upgrade\r\nupgrade: WebSocket\r\n\r\n',
    ),
    {
      method: 'GET',
      target: '/a?b=%20',
      version: '1.1',
      headers: ['Host', 'a.com', 'X-Two', '', 'X-Two', 'é "q"', 'Connection', 'Upgrade', 'upgrade', 'WebSocket'],
      framing: 0,
      keepAlive: true,
      upgrade: 'websocket',
      expect: undefined,
    },
  )
})

test('an upgrade counts where Connection names it, not in HTTP/1.0, not with a body, and not to h2c', () => {
  const upgrade = (version: string, ...lines: string[]) =>
    request(`GET / HTTP/${version}\r\nUpgrade: ${lines.join('\r\n')}\r\n\r\n`)!.upgrade
  assert.equal(upgrade('1.1', 'x', 'Connection: a, upgrade'), 'x')
  assert.equal(upgrade('1.1', 'x'), undefined)
  assert.equal(upgrade('1.0', 'x', 'Connection: upgrade'), undefined)
  assert.equal(upgrade('1.1', 'x', 'Connection: upgrade', 'Content-Length: 1'), undefined)
  assert.equal(upgrade('1.1', 'H2C', 'Connection: Upgrade, HTTP2-Settings'), undefined)
})

test('a head that begins in the middle of the bytes is read the same', () => {
  const bytes = Buffer.from('xxGET / HTTP/1.0\r\nhost: a\r\n\r\nyy')
  const end = findHeadEnd(bytes, 2, 2, HEAD_LIMITS)
  assert.equal(end, bytes.length - 2)
  const head = parseRequestHead(bytes, 2, end, HEAD_LIMITS)
  assert.deepEqual([head.target, head.version, head.headers, head.keepAlive], ['/', '1.0', ['host', 'a'], false])
})

describe('framing and persistence', () => {
  for (const [what, text, framing, keepAlive] of [
    ['no body', withFields(), 0, true],
    ['a length', withFields('Content-Length: 12'), 12, true],
    ['chunked, in any case', withFields('transfer-ENCODING: ChunKed'), CHUNKED, true],
    ['close', withFields('Connection: foo, Close'), 0, false],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 0, false],
    ['HTTP/1.0 with keep-alive', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', 0, true],
    ['close wins over keep-alive', withFields('Connection: keep-alive', 'Connection: close'), 0, false],
  ] as const) {
    test(what, () => {
      const head = request(text)!
      assert.deepEqual([head.framing, head.keepAlive], [framing, keepAlive])
    })
  }
})

describe('refused', () => {
  for (const [what, text, reason] of [
    ['both framings', withFields('Content-Length: 3', 'Transfer-Encoding: chunked'), 'two_framings'],
    ['two lengths, though the same', withFields('Content-Length: 3', 'Content-Length: 3'), 'two_lengths'],
    ['a list of lengths', withFields('Content-Length: 3, 3'), 'content_length'],
    ['a signed length', withFields('Content-Length: +3'), 'content_length'],
    ['a hex length', withFields('Content-Length: 0x3'), 'content_length'],
    ['an empty length', withFields('Content-Length:'), 'content_length'],
    ['a length beyond 15 digits', withFields('Content-Length: 1000000000000000'), 'content_length'],
    ['gzip, chunked', withFields('Transfer-Encoding: gzip, chunked'), 'transfer_encoding'],
    ['chunked twice', withFields('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'transfer_encoding'],
    ['chunked and a vertical tab', withFields('Transfer-Encoding: \x0bchunked'), 'control_character'],
    ['identity', withFields('Transfer-Encoding: identity'), 'transfer_encoding'],
    ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer_encoding'],
    ['a blank before the colon', withFields('X : y'), 'header_name'],
    ['a line without a colon', withFields('X'), 'header_name'],
    ['an empty name', withFields(': y'), 'header_name'],
    ['a name with a bracket', withFields('X(y): z'), 'header_name'],
    ['a name beyond ASCII', withFields('Xé: z'), 'header_name'],
    ['a folded line', withFields('X: y', ' z'), 'folded_line'],
    ['a folded first line', 'GET / HTTP/1.1\r\n X: y\r\n\r\n', 'folded_line'],
    ['NUL in a value', withFields('X: a\0b'), 'control_character'],
    ['DEL in a value', withFields('X: a\x7fb'), 'control_character'],
    ['a bare CR in a value', withFields('X: a\rb'), 'line_end'],
    ['a bare LF in a value', withFields('X: a\nb: c'), 'line_end'],
    ['bare LF all the way', 'GET / HTTP/1.1\nHost: a\n\n', 'line_end'],
    ['CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', 'line_end'],
    ['HTTP/0.9', 'GET /\r\n\r\n', 'request_line'],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\n\r\n', 'http_version'],
    ['HTTP/1.10', 'GET / HTTP/1.10\r\n\r\n', 'control_character'],
    ['http/1.1', 'GET / http/1.1\r\n\r\n', 'http_version'],
    ['two blanks before the version', 'GET /  HTTP/1.1\r\n\r\n', 'http_version'],
    ['two blanks before the target', 'GET  / HTTP/1.1\r\n\r\n', 'target_characters'],
    ['a tab for a blank', 'GET\t/ HTTP/1.1\r\n\r\n', 'request_line'],
    ['a blank before the method', ' GET / HTTP/1.1\r\n\r\n', 'request_line'],
    ['a blank after the version', 'GET / HTTP/1.1 \r\n\r\n', 'control_character'],
    ['a method with a colon', 'GE:T / HTTP/1.1\r\n\r\n', 'request_line'],
    ['a target beyond ASCII', 'GET /é HTTP/1.1\r\n\r\n', 'target_characters'],
    ['a control character in the target', 'GET /\x01 HTTP/1.1\r\n\r\n', 'target_characters'],
    ['a TLS greeting', '\x16\x03\x01\x02\0\x01\0\r\n\r\n', 'request_line'],
  ] as const) {
    test(what, () => {
      assert.throws(
        () => request(text),
        (error: unknown) => error instanceof WireError && error.reason === reason,
      )
    })
  }
})

test('sizes: exactly the limit passes, one more does not', () => {
  const limits = { headBytes: 60, headerFields: 2, targetBytes: 5 }
  const refusal = (text: string) => {
    try {
      request(text, limits)
    } catch (error) {
      return (error as WireError).status
    }
    return undefined
  }
  assert.equal(refusal('GET /1234 HTTP/1.1\r\n\r\n'), undefined)
  assert.equal(refusal('GET /12345 HTTP/1.1\r\n\r\n'), 414)
  assert.equal(refusal('GET / HTTP/1.1\r\na:\r\nb:\r\n\r\n'), undefined)
  assert.equal(refusal('GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n\r\n'), 431)
  assert.equal(refusal(`GET / HTTP/1.1\r\na: ${'x'.repeat(60 - 23)}\r\n\r\n`), undefined)
  assert.equal(refusal(`GET / HTTP/1.1\r\na: ${'x'.repeat(61 - 23)}\r\n\r\n`), 431)
  assert.equal(refusal('x'.repeat(61)), 431)
})

describe('responses', () => {
  for (const [what, text, method, status, framing, keepAlive] of [
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'GET', 200, 2, true],
    ['no reason', 'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n', 'GET', 404, 0, true],
    ['no blank behind the status', 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n', 'GET', 404, 0, true],
    ['neither', 'HTTP/1.1 200 OK\r\n\r\n', 'GET', 200, UNTIL_CLOSE, true],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n', 'GET', 200, 2, false],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'HEAD', 200, 0, true],
    ['204 whatever it claims', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n', 'GET', 204, 0, true],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', 'GET', 304, 0, true],
    ['1xx', 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n', 'GET', 103, 0, true],
  ] as const) {
    test(what, () => {
      const head = response(text, method)
      assert.deepEqual([head.status, head.framing, head.keepAlive], [status, framing, keepAlive])
    })
  }

  for (const [what, text] of [
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
    [
      'both framings, to be ignored or not',
      'HTTP/1.1 204 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['status 0xx', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['status 600', 'HTTP/1.1 600 OK\r\n\r\n'],
    ['status 999', 'HTTP/1.1 999 OK\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\x01K\r\n\r\n'],
  ] as const) {
    test(`refused: ${what}`, () => assert.throws(() => response(text), WireError))
  }
})

test('what is written is what is read', () => {
  const char = (codes: [number, number][]) =>
    fc.constantFrom(
      ...codes.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i))),
    )
  const token = fc.string({
    unit: char([
      [97, 122],
      [65, 90],
      [48, 57],
      [33, 33],
      [35, 39],
    ]),
    minLength: 1,
    maxLength: 20,
  })
  const value = fc
    .string({
      unit: char([
        [32, 126],
        [128, 255],
        [9, 9],
      ]),
      maxLength: 40,
    })
    .map((text) => text.trim())
  const target = fc.string({ unit: char([[33, 126]]), minLength: 1, maxLength: 40 })
  const fields = fc.array(
    fc.tuple(
      token.map((name) => `x-${name}`),
      value,
    ),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(token, target, fields, fc.nat(1e9), (method, path, pairs, length) => {
      const text = requestHead(method, path, pairs.flat(), length)
      const head = request(text)!
      const framing = length > 0 || ['POST', 'PUT', 'PATCH'].includes(method) ? ['content-length', String(length)] : []
      assert.deepEqual([head.method, head.target, head.framing], [method, path, length])
      // U+0085 and U+00A0 are blanks to JavaScript, not to HTTP.
      assert.deepEqual(head.headers, [...pairs.flat(), ...framing])
    }),
    { seed },
  )
})

test('what could not be read back is not written', () => {
  for (const fields of [
    ['x', 'a\r\nb: c'],
    ['x', 'a\nb'],
    ['x', 'a\0'],
    ['x', '€'],
    ['x y', 'a'],
    ['', 'a'],
    ['x:', 'a'],
  ]) {
    assert.throws(() => requestHead('GET', '/', fields, 0), WireError)
  }
  for (const target of ['', '/a b', '/é', '/\r\nx']) assert.throws(() => requestHead('GET', target, [], 0), WireError)
  for (const method of ['', 'GE T', 'GET\r\n']) assert.throws(() => requestHead(method, '/', [], 0), WireError)
})

test('a mutated head is refused or read, never worse', (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const base = Buffer.from(withFields('Content-Length: 3', 'Cookie: a=b; c=d', 'Accept: */*', 'Connection: keep-alive'))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(base)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        const head = request(bytes.toString('latin1'))
        if (head === undefined) return
        // Whatever was read can be written, and is then read as the same.
        const again = request(
          requestHead(
            head.method,
            head.target,
            head.headers.filter((_, i) => !isLength(head.headers, i)),
            head.framing,
          ),
        )!
        assert.deepEqual([again.method, again.target, again.framing], [head.method, head.target, head.framing])
      } catch (error) {
        assert.ok(error instanceof WireError, String(error))
      }
    }),
    { seed, numRuns: 5000 },
  )
})

const isLength = (headers: readonly string[], i: number) =>
  /^(content-length|transfer-encoding)$/i.test(headers[i - (i % 2)]!)
