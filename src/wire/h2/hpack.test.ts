/** Against the examples of RFC 7541, appendix C; node:http2's encoder is asked in server.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CODE, H2ConnectionError } from './codes.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)
const LIMITS = { headBytes: 16_384, headerFields: 100 }
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const read = (...blocks: readonly string[]) => {
  const decoder = new HpackDecoder(LIMITS)
  return blocks.map((one) => decoder.read(bytes(one)).fields.join(' '))
}

test('literals and numbers, as in C.2', () => {
  assert.deepEqual(read('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), [
    'custom-key custom-header',
  ])
  assert.deepEqual(read('040c 2f73 616d 706c 652f 7061 7468'), [':path /sample/path'])
  assert.deepEqual(read('1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password secret'])
  assert.deepEqual(read('82'), [':method GET'])
})

const REQUESTS = [
  ':method GET :scheme http :path / :authority www.example.com',
  ':method GET :scheme http :path / :authority www.example.com cache-control no-cache',
  ':method GET :scheme https :path /index.html :authority www.example.com custom-key custom-value',
]

test('requests of one connection, plain as in C.3 and in Huffman code as in C.4', () => {
  const plain = [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ]
  const huffman = [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ]
  assert.deepEqual(read(...plain), REQUESTS)
  assert.deepEqual(read(...huffman), REQUESTS)
})

test('answers whose fields fall out of a small table, as in C.6', () => {
  const status = (code: number, date: string) =>
    `:status ${code} cache-control private date Mon, 21 Oct 2013 20:13:${date} GMT location https://www.example.com`
  const answers = read(
    // The table is said to be of 256 bytes, which the examples take for granted.
    '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    '4883 640e ffc1 c0bf',
    '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  )
  assert.equal(answers[0], status(302, '21'))
  assert.equal(
    answers[1],
    ':status 307 cache-control private date Mon, 21 Oct 2013 20:13:21 GMT location https://www.example.com',
  )
  const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
  assert.equal(
    answers[2],
    `:status 200 cache-control private date Mon, 21 Oct 2013 20:13:22 GMT location https://www.example.com content-encoding gzip set-cookie ${cookie}`,
  )
})

test('each way to say a field', () => {
  const KINDS = { entering: [0x40, 63], literal: [0, 15], secret: [0x10, 15] } as const
  const names = { 'user-agent': '', 'custom-key': '0a63 7573 746f 6d2d 6b65 79', other: '8825 a849 e95b a97d 7f' }
  const values = ['0c63 7573 746f 6d2d 7661 6c75 65', '8925 a849 e95b b8e8 b4bf']
  for (const [bits, prefix] of Object.values(KINDS)) {
    for (const [name, said] of Object.entries(names)) {
      // It is the 58th of the static table.
      const first = said !== '' ? [bits] : prefix > 58 ? [bits | 58] : [bits | prefix, 58 - prefix]
      for (const value of values) {
        const block = Buffer.concat([Buffer.from(first), bytes(said), bytes(value)])
        const read = new HpackDecoder(LIMITS).read(block)
        assert.deepEqual(read.fields, [name === 'other' ? 'custom-key' : name, 'custom-value'])
      }
    }
  }
})

test('the size of the table may change more than once before the first field', () => {
  const decoder = new HpackDecoder(LIMITS)
  assert.deepEqual(decoder.read(bytes('20 3f61 3fe1 1f 4001 6101 62')).fields, ['a', 'b'])
  assert.deepEqual(decoder.read(bytes('be')).fields, ['a', 'b'])
})

const BROKEN: Readonly<Record<string, string>> = {
  'field 0': '80',
  'a field that is not in the table': 'be',
  'a name that is not in the table': '7e01 61',
  'a number without an end': 'ff80 8080 8080 8080 8001',
  'a number that is too large': 'ffff ffff ff0f',
  'a number that is cut off': 'ff',
  'a name that is cut off': '0005 61',
  'a value that is missing': '0001 61',
  'a block that ends in a field': '40',
  'Huffman code with the end of a text in it': '0001 6184 ffff ffff',
  'Huffman code padded with eight bits': '0001 6182 1fff',
  'Huffman code padded with zeros': '0001 6181 18',
  'a table larger than allowed': '3fe2 1f',
  'a size of the table behind a field': '8220',
}
for (const [what, hex] of Object.entries(BROKEN)) {
  test(`${what} ends the connection`, () => {
    assert.throws(() => read(hex), { name: 'H2ConnectionError', code: CODE.compression })
  })
}

test('a table of no bytes forgets; fields that do not fit into it are read all the same', () => {
  const decoder = new HpackDecoder(LIMITS)
  const enter = bytes('4001 6101 62')
  assert.deepEqual(decoder.read(enter).fields, ['a', 'b'])
  assert.deepEqual(decoder.read(bytes('be')).fields, ['a', 'b'])
  assert.deepEqual(decoder.read(Buffer.concat([bytes('20'), enter])).fields, ['a', 'b'])
  assert.throws(() => decoder.read(bytes('be')), H2ConnectionError)
  const large = latin1(`@${new HpackEncoder().trailers(['x-a', 'v'.repeat(5_000)]).slice(1)}`)
  const other = new HpackDecoder(LIMITS)
  other.read(enter)
  assert.equal(other.read(large).fields[1]?.length, 5_000)
  assert.throws(() => other.read(bytes('be')), H2ConnectionError)
})

test('a few bytes that stand for many do not become many', () => {
  const decoder = new HpackDecoder(LIMITS)
  decoder.read(latin1(`@${new HpackEncoder().trailers(['x-a', 'v'.repeat(4_000)]).slice(1)}`))
  const { fields, fault } = decoder.read(Buffer.alloc(16_000, 0xbe))
  assert.equal(fault?.status, 431)
  assert.ok(fields.length <= 10)
  const many = new HpackDecoder({ headBytes: 1_000_000, headerFields: 100 }).read(Buffer.alloc(5_000, 0x82))
  assert.deepEqual([many.fault?.reason, many.fields.length <= 220], ['too_many_headers', true])
})

test('what cannot stand in a head is told, and the tables stay the same', () => {
  const decoder = new HpackDecoder(LIMITS)
  const entered = decoder.read(latin1('@\x03X-A\x01b'))
  assert.equal(entered.fault?.reason, 'header_name')
  assert.equal(decoder.read(bytes('be')).fault?.reason, 'header_name')
  // Also of one that entered behind another, where nobody asked for its reason.
  assert.equal(decoder.read(latin1('\0\x02te\x01a@\x01a\x01\n')).fault?.reason, 'connection_field')
  assert.equal(decoder.read(bytes('be')).fault?.reason, 'control_character')
  for (const value of ['a\nb', 'a\0', ' a', 'a\t']) {
    const { fault } = decoder.read(latin1(`\0\x01a${String.fromCharCode(value.length)}${value}`))
    assert.ok(fault !== undefined, JSON.stringify(value))
  }
})

const name = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,60}$/).filter((one) => !REFUSED.has(one))
const REFUSED = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te'])
const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,300}$/)

test('what is written is read, also what comes again, whatever the client makes of its table and whatever cannot be written', (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const known = fc.constantFrom('server', 'x-a', 'vary', 'date', 'set-cookie', 'content-type', 'x-b')
  const again = fc.constantFrom(
    '',
    'a',
    'nginx',
    'application/json',
    'v'.repeat(1_500),
    'w'.repeat(126),
    'w'.repeat(127),
  )
  const fields = fc.array(fc.tuple(fc.oneof(known, name), fc.oneof(again, value)), { maxLength: 20 })
  const head = fc.record({ fields, status: fc.integer({ min: 100, max: 999 }), breaks: fc.boolean() })
  const step = fc.oneof(
    { arbitrary: head, weight: 8 },
    { arbitrary: fc.constantFrom(0, 100, 4_096, 65_536), weight: 1 },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder({ headBytes: 1_000_000, headerFields: 1_000 })
      for (const one of steps) {
        if (typeof one === 'number') encoder.resize(one)
        else {
          const list = one.fields.flat()
          if (one.breaks)
            assert.throws(() => encoder.head(200, [...list, 'x-c', 'a\nb'], 5), { reason: 'header_value' })
          const told = [':status', String(one.status), ...list, 'content-length', '5']
          assert.deepEqual(decoder.read(latin1(encoder.head(one.status, list, 5))), { fields: told, fault: undefined })
        }
      }
    }),
    { seed, numRuns: 500 },
  )
})

test('what comes again is a byte; what changes, and cookies, never enter the table', () => {
  const encoder = new HpackEncoder()
  const fields = ['server', 'nginx', 'content-type', 'application/json', 'date', 'now', 'set-cookie', 'a=secret']
  const lengths = Array.from({ length: 4 }, () => encoder.head(200, fields, undefined).length)
  const literals = new HpackEncoder().head(200, fields.slice(4), undefined).length
  assert.deepEqual(lengths.slice(2), [literals + 2, literals + 2])
  encoder.resize(0)
  assert.equal(encoder.head(200, fields, undefined).length, lengths[0]! + 1)
})

test('whatever bytes come, they are read or end the connection', (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(bytes('4001 6101 62'), bytes('be'), bytes('20')),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        new HpackDecoder(LIMITS).read(Buffer.concat(pieces))
      } catch (error) {
        assert.ok(error instanceof H2ConnectionError)
      }
    }),
    { seed, numRuns: 3_000 },
  )
})
