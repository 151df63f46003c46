import assert from 'node:assert/strict'
import { test } from 'node:test'
import { any, bool, decodeBody, duration, int, list, map, object, string } from './decode.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { cleanPath, parseTarget } from './path.ts'
import { QueryString } from './query-string.ts'

const THING = object(
  {
    Name: string,
    Port: int,
    On: bool,
    Tags: list(string, '[]string'),
    Meta: map(string, 'map[string]string'),
    TTL: duration,
    Raw: any,
  },
  { snake_name: 'Name' },
)
const decode = (text: string) => decodeBody(Buffer.from(text), THING)

test('field names match without regard to case; null is not given; maps come sorted', () => {
  assert.deepEqual(decode('{"NAME":"a","port":1,"tags":null,"meta":{"b":"2","a":"1","c":null}}'), {
    Name: 'a',
    Port: 1,
    Meta: { a: '1', b: '2' },
  })
  assert.deepEqual(decode('{"snake_name":"x","Name":"y"}'), { Name: 'y' })
  assert.deepEqual(decode('null'), {})
})

test('a key named __proto__ is data', () => {
  const { Meta } = decode('{"Meta":{"__proto__":"x"}}')
  assert.deepEqual(Object.entries(Meta ?? {}), [['__proto__', 'x']])
  assert.throws(() => decode('{"__proto__":{"Name":"x"}}'), /unknown field "__proto__"/)
})

const WRONG: readonly [string, string][] = [
  ['', 'EOF'],
  ['  ', 'EOF'],
  ['{', 'unexpected EOF'],
  ['{"Name":"x', 'unexpected EOF'],
  ['{"Name":"x"', 'unexpected EOF'],
  ['{"Name":}', "invalid character '}' looking for beginning of value"],
  ['{"Name":"x"}}', "invalid character '}' looking for beginning of value"],
  ['{"Unknown":1}', 'json: unknown field "Unknown"'],
  ['{"Port":"80"}', 'json: cannot unmarshal string into Go struct field .Port of type int'],
  ['{"Port":1.5}', 'json: cannot unmarshal number 1.5 into Go struct field .Port of type int'],
  ['{"On":1}', 'json: cannot unmarshal number into Go struct field .On of type bool'],
  ['{"Tags":"a"}', 'json: cannot unmarshal string into Go struct field .Tags of type []string'],
  ['{"Meta":{"a":1}}', 'json: cannot unmarshal number into Go struct field .Meta of type string'],
  ['{"TTL":"10x"}', 'time: unknown unit "x" in duration "10x"'],
  ['{"TTL":"2562048h"}', 'time: invalid duration "2562048h"'],
  [
    '{"TTL":1e19}',
    'json: cannot unmarshal number 10000000000000000000 into Go struct field .TTL of type time.Duration',
  ],
  ['{"TTL":1e400}', 'json: cannot unmarshal number Infinity into Go struct field .TTL of type time.Duration'],
  ['[]', 'json: cannot unmarshal array into Go value of type struct'],
]
for (const [body, reason] of WRONG) {
  test(`refuses ${JSON.stringify(body)} with Go's words`, () => {
    assert.throws(() => decode(body), { status: 400, message: `Request decode failed: ${reason}` })
  })
}

test('durations are Go strings or nanoseconds', () => {
  assert.deepEqual([decode('{"TTL":"1h30m"}').TTL, decode('{"TTL":10}').TTL], [5_400_000, 1e-5])
  const texts: [string, number][] = [
    ['10s', 10_000],
    ['2m', 120_000],
    ['120000ms', 120_000],
    ['1.5s', 1500],
    ['-1s', -1000],
    ['1us', 0.001],
    ['0', 0],
    ['.5s', 500],
    ['2562047h', 2_562_047 * 3_600_000],
  ]
  for (const [text, ms] of texts) assert.equal(parseDuration(text), ms, text)
  for (const text of ['', '10', 's', '1d', '1s2', '--1s', '1.2.3s'])
    assert.throws(() => parseDuration(text), RangeError, text)
  const shown: [number, string][] = [
    [0, '0s'],
    [100, '100ms'],
    [10_000, '10s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [1500, '1.5s'],
    [0.001, '1µs'],
  ]
  for (const [ms, text] of shown) assert.equal(formatDuration(ms), text)
})

test('query strings: plus is a space, repeated names, presence, words for booleans, 64-bit numbers', () => {
  const query = new QueryString('tag=a+b&tag=c%2B&stale&passing=True&flags=18446744073709551615&index=&wait=')
  assert.deepEqual(query.all('tag'), ['a b', 'c+'])
  assert.deepEqual([query.has('stale'), query.bool('passing'), query.bool('stale')], [true, true, undefined])
  assert.deepEqual([query.uint64('flags'), query.index(), query.wait()], ['18446744073709551615', 0, undefined])
  assert.equal(new QueryString('index=18446744073709551615').index(), 2 ** 64)
  for (const index of ['-1', 'x', '18446744073709551616', '1.0']) {
    assert.throws(() => new QueryString(`index=${index}`).index(), /Invalid index/)
  }
  assert.throws(() => new QueryString('a=%zz'), { status: 500, message: '' })
})

test('paths are decoded once and cleaned', () => {
  assert.deepEqual(parseTarget('/v1/kv/a%20b%2Fc+d%2525?x=%2F'), { path: '/v1/kv/a b/c+d%25', query: 'x=%2F' })
  assert.throws(() => parseTarget('/v1/kv/%zz'), /400 Bad Request/)
  assert.throws(() => parseTarget('/v1/kv/%ff'), /400 Bad Request/)
  assert.throws(() => parseTarget('/v1/kv/a%00b'), { status: 400, message: '' })
  const cleaned: [string, string | undefined][] = [
    ['/v1/kv/a', undefined],
    ['/v1/kv/', undefined],
    ['/v1//kv/a', '/v1/kv/a'],
    ['/v1/kv//', '/v1/kv/'],
    ['/v1/kv/../agent/self', '/v1/agent/self'],
    ['/v1/kv/a/.', '/v1/kv/a'],
    ['/v1/kv/..a/b..', undefined],
    ['/../../..', '/'],
  ]
  for (const [path, expected] of cleaned) assert.equal(cleanPath(path), expected, path)
})
