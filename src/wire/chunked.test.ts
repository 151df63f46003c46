import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChunkedDecoder, chunkStart, LAST_CHUNK } from './chunked.ts'
import { HEAD_LIMITS } from './limits.ts'
import { WireError } from './wire-error.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)

/** What the pieces, fed one after the other, are decoded to. */
function decode(pieces: readonly Buffer[]) {
  const decoder = new ChunkedDecoder(HEAD_LIMITS)
  const data: Buffer[] = []
  let after = ''
  try {
    for (const piece of pieces) {
      const at = decoder.feed(piece, 0, (bytes) => data.push(bytes))
      after += piece.toString('latin1', at)
    }
  } catch (error) {
    if (error instanceof WireError) return { refused: error.reason, data: Buffer.concat(data).toString('latin1') }
    throw error
  }
  return { data: Buffer.concat(data).toString('latin1'), done: decoder.done, trailers: decoder.trailers, after }
}

const whole = (text: string) => decode([Buffer.from(text, 'latin1')])

describe('decoded', () => {
  for (const [what, text, expected] of [
    ['one chunk', '2\r\nab\r\n0\r\n\r\n', { data: 'ab', done: true, trailers: [], after: '' }],
    ['nothing', '0\r\n\r\n', { data: '', done: true, trailers: [], after: '' }],
    [
      'leading zeros, capitals',
      '00A\r\n0123456789\r\n0\r\n\r\n',
      { data: '0123456789', done: true, trailers: [], after: '' },
    ],
    ['extensions', '1;a=b;c="d e"\r\nx\r\n0;z\r\n\r\n', { data: 'x', done: true, trailers: [], after: '' }],
    [
      'trailers',
      '1\r\nx\r\n0\r\nA: b\r\nC:d\r\n\r\n',
      { data: 'x', done: true, trailers: ['A', 'b', 'C', 'd'], after: '' },
    ],
    ['what follows stays', '0\r\n\r\nGET', { data: '', done: true, trailers: [], after: 'GET' }],
    ['not all', '5\r\nab', { data: 'ab', done: false, trailers: [], after: '' }],
    ['CRLF in the data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', { data: '\r\n\r\n', done: true, trailers: [], after: '' }],
  ] as const) {
    test(what, () => assert.deepEqual(whole(text), expected))
  }
})

describe('refused', () => {
  for (const [what, text, reason] of [
    ['no size', '\r\nab\r\n', 'chunk_size'],
    ['a sign', '+2\r\nab\r\n', 'chunk_size'],
    ['0x', '0x2\r\nab\r\n', 'chunk_size'],
    ['a blank before the size', ' 2\r\nab\r\n', 'chunk_size'],
    ['a blank behind the size', '2 \r\nab\r\n', 'chunk_size'],
    ['an underscore', '1_0\r\nab\r\n', 'chunk_size'],
    ['13 digits', `${'1'.repeat(13)}\r\n`, 'chunk_size'],
    ['a bare LF behind the size', '2\nab\r\n', 'chunk_size'],
    ['a bare CR behind the size', '2\rab\r\n', 'chunk_end'],
    ['data longer than its size', '2\r\nabc\r\n', 'chunk_end'],
    ['data with a bare LF behind it', '2\r\nab\n', 'chunk_end'],
    ['a bare LF in an extension', '2;a\nb\r\nab\r\n', 'chunk_extension'],
    ['a long extension', `2;${'a'.repeat(257)}\r\n`, 'chunk_extension'],
    ['many extensions', `1;${'a'.repeat(250)}\r\nx\r\n`.repeat(70), 'chunk_extension'],
    ['a trailer without a name', '0\r\n: b\r\n\r\n', 'header_name'],
    ['a trailer that frames', '0\r\nContent-Length: 2\r\n\r\n', 'trailer_framing'],
    ['a trailer line with a bare LF', '0\r\nA: b\n\r\n', 'line_end'],
    ['endless trailers', `0\r\n${'a: b\r\n'.repeat(4000)}`, 'trailers_too_large'],
  ] as const) {
    test(what, () => assert.equal((whole(text) as { refused?: string }).refused, reason))
  }
})

test('wherever the bytes are cut, they are decoded to the same', (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const chunk = fc
    .string({ unit: 'binary-ascii', minLength: 1, maxLength: 30 })
    .map((data) => `${chunkStart(data.length)}${data}\r\n`)
  const good = fc.array(chunk, { maxLength: 5 }).map((chunks) => `${chunks.join('')}${LAST_CHUNK}next`)
  const text = fc.oneof(
    good,
    fc.tuple(good, fc.nat(200), fc.nat(255)).map(([base, at, byte]) => {
      const place = at % base.length
      return base.slice(0, place) + String.fromCharCode(byte) + base.slice(place + 1)
    }),
  )
  fc.assert(
    fc.property(text, fc.array(fc.nat(200)), (body, cuts) => {
      const bytes = Buffer.from(body, 'latin1')
      const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
      const pieces = [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length))
      assert.deepEqual(decode(pieces), decode([bytes]))
      assert.deepEqual(decode([...bytes].map((byte) => Buffer.from([byte]))), decode([bytes]))
    }),
    { seed, numRuns: 1000 },
  )
})
