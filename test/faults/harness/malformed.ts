/** Requests and DNS messages that no honest client sends, drawn from a seed. */
import { below, type Random } from '../../../src/core/random.ts'
import { ENDPOINTS } from '../../../src/registry/api/table.ts'

/** The bytes of one HTTP request; it ends with them, whatever its head promises. */
export function malformedRequest(random: Random): Buffer {
  return pick(random, KINDS)(random)
}

const KINDS: readonly ((random: Random) => Buffer)[] = [
  wrongBody,
  wrongBody,
  wrongBody,
  wrongQuery,
  wrongQuery,
  wrongPath,
  wrongHead,
  noHttp,
]

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PUT', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'get']

const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!

/** A path, and mostly a method that it knows: one of `preferred` where it can. */
function endpoint(random: Random, preferred: readonly ('GET' | 'PUT' | 'POST' | 'DELETE')[]): [string, string] {
  const { path, ...known } = pick(random, ENDPOINTS)
  const target = path.endsWith('/') ? path + pick(random, ['a', 'web', 'x/y/z', '', '%C3%A9', 'node:1']) : path
  const possible = preferred.filter((method) => known[method] !== undefined)
  return [possible.length === 0 || random() < 0.05 ? pick(random, METHODS) : pick(random, possible), target]
}

function request(method: string, target: string, headers: readonly string[], body: string | Buffer): Buffer {
  const bytes = Buffer.from(body)
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...headers,
    `Content-Length: ${bytes.length}`,
    '',
    '',
  ]
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), bytes])
}

/** Right in form, wrong in type, size, depth or encoding. */
function wrongBody(random: Random): Buffer {
  return request(...endpoint(random, ['PUT', 'POST', 'DELETE']), [], pick(random, BODIES)(random))
}

const BODIES: readonly ((random: Random) => string | Buffer)[] = [
  (random) => JSON.stringify(wrongRecord(random, 0)),
  (random) => JSON.stringify(wrongRecord(random, 0)),
  (random) => JSON.stringify([wrongRecord(random, 0), { KV: wrongRecord(random, 0) }, { Service: { Verb: 'set' } }]),
  (random) => nested(random, '[', ']'),
  (random) => nested(random, '{"a":', '}'),
  (random) => Buffer.concat([Buffer.from('{"Name":"'), noise(random, 200), Buffer.from('"}')]),
  (random) => noise(random, 5000),
  () => '',
  () => 'null',
  () => '\u{feff}{}',
  () => `{"Name": "${'n'.repeat(300_000)}"}`,
  () => `{"Meta": {${Array.from({ length: 5000 }, (_, i) => `"k${i}": "v"`).join(',')}}}`,
  () => '{"__proto__": {"Name": "x"}, "constructor": {"prototype": {"Name": "y"}}, "Name": "z"}',
  () => '{"Name": "a", "Name": ["b"], "name": 3, "NAME": null}',
  () => 'x'.repeat(3_000_000),
]

const FIELDS = [
  ...[
    'ID',
    'Name',
    'Node',
    'Address',
    'Port',
    'Tags',
    'Meta',
    'Check',
    'Checks',
    'Service',
    'Weights',
    'TTL',
    'HTTP',
    'TCP',
  ],
  ...[
    'Interval',
    'Timeout',
    'Status',
    'CheckID',
    'ServiceID',
    'Behavior',
    'LockDelay',
    'Session',
    'KV',
    'Verb',
    'Key',
    'Value',
  ],
  ...[
    'Flags',
    'Index',
    'TaggedAddresses',
    'NodeMeta',
    'Definition',
    'DeregisterCriticalServiceAfter',
    'Template',
    'Failover',
  ],
  ...[
    'Datacenter',
    'Args',
    'GRPC',
    'Header',
    'Body',
    'Output',
    'Rules',
    'Policies',
    'Description',
    'SecretID',
    'Kind',
    'Proxy',
  ],
]

function wrongRecord(random: Random, depth: number): unknown {
  const count = 1 + below(random, 6)
  return Object.fromEntries(Array.from({ length: count }, () => [pick(random, FIELDS), wrongValue(random, depth)]))
}

function wrongValue(random: Random, depth: number): unknown {
  if (depth < 3 && random() < 0.3) return wrongRecord(random, depth + 1)
  return pick(random, VALUES)
}

const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    -1e-7,
    2 ** 53,
    65_536,
    99_999_999_999,
    '',
    'a',
    'é\u0000',
    '\ud800',
    '10s',
    '-1s',
    '1e9h',
  ],
  ...[
    '9223372036854775808',
    '99999999999999999999',
    '../../etc/passwd',
    '<script>',
    'http://[::1',
    'a'.repeat(2000),
    '\r\nX: y',
  ],
  ...[
    [],
    [null],
    [[]],
    ['a', 1],
    {},
    { '': '' },
    { a: { b: {} } },
    Array.from({ length: 3000 }, () => 'tag'),
    '{{',
    '%s%n',
    '💥',
  ],
]

function nested(random: Random, open: string, close: string): string {
  const depth = 10 ** (2 + below(random, 4))
  return open.repeat(depth) + (random() < 0.5 ? `1${close.repeat(depth)}` : '')
}

function noise(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: 1 + below(random, most) }, () => below(random, 256)))
}

const QUERY_NAMES = [
  ...[
    'index',
    'wait',
    'filter',
    'near',
    'tag',
    'passing',
    'dc',
    'node-meta',
    'cas',
    'flags',
    'acquire',
    'release',
    'recurse',
  ],
  ...[
    'separator',
    'keys',
    'raw',
    'hash',
    'consistent',
    'stale',
    'token',
    'ns',
    'partition',
    'since',
    'last',
    'service',
    'node',
  ],
]
const QUERY_VALUES = [
  ...[
    '',
    '-1',
    '0',
    '1e5',
    'NaN',
    '18446744073709551616',
    '99999999999999999999999',
    '0x10',
    '%',
    '%zz',
    '%00',
    '%ff%fe',
    'a'.repeat(6000),
  ],
  ...[
    '-5s',
    '1',
    '10ms',
    '1h1h',
    'a:b:c',
    'Service.Port==',
    '('.repeat(3000),
    `${'not '.repeat(2000)}a`,
    'Meta["a"]==`',
    'a matches "(a*)*b"',
  ],
  ...['Tags contains', '"', 'ServiceMeta.x in ServiceTags and (', '%E0%A4%A', '../..', 'Node+!=+"'],
]

function wrongQuery(random: Random): Buffer {
  const pairs = Array.from({ length: 1 + below(random, 4) }, () => {
    const name = pick(random, QUERY_NAMES)
    return random() < 0.1 ? name : `${name}=${pick(random, QUERY_VALUES)}`
  })
  const [method, path] = endpoint(random, random() < 0.6 ? ['GET'] : ['PUT', 'DELETE'])
  return request(method, `${path}?${pairs.join('&')}`, [], '')
}

const PATHS = [
  ...[
    '/',
    '//',
    '/v1',
    '/v1/',
    '/v1//kv//a',
    '/v1/kv/../agent/self',
    '/v1/kv/%2e%2e/x',
    '/v1/kv/%00',
    '/v1/kv/%',
    '/v1/kv/%ff',
    '*',
  ],
  ...[
    '/v1/kv/a b',
    'http://evil.example/v1/kv/a',
    '/v1/kv/a#b',
    '/v1\\kv',
    '/v1/health/service/%F0%9F%92%A5',
    '/v1/agent/service/a%0d%0aX',
  ],
  ...[
    `/v1/kv/${'k'.repeat(15_000)}`,
    `/v1/kv/${'a/'.repeat(5000)}`,
    `/v1/catalog/service/${'é'.repeat(500)}`,
    '/v1/skein/events/x',
    '/V1/KV/a',
  ],
]

function wrongPath(random: Random): Buffer {
  return request(pick(random, METHODS), pick(random, PATHS), [], '')
}

const HEADERS = [
  ...[
    'Content-Length: -1',
    'Content-Length: 5, 6',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip',
    'Host: evil.example',
  ],
  ...[
    'Accept-Encoding: gzip;q=x, *',
    'X-Consul-Token: \u00ff\u00fe',
    'Authorization: Bearer',
    'Authorization: Basic Og==',
    'Expect: 100-continue',
  ],
  ...[
    `Cookie: ${'c'.repeat(15_000)}`,
    'X: \u0001',
    ': empty',
    'no colon',
    'Content-Type: text/html',
    'Last-Event-ID: \u00ff',
    'Upgrade: h2c',
  ],
  ...['Connection: upgrade', 'Range: bytes=0-', 'If-None-Match: *', 'Origin: null', 'Sec-Fetch-Site: cross-site'],
]

function wrongHead(random: Random): Buffer {
  const headers = Array.from({ length: 1 + below(random, 3) }, () => pick(random, HEADERS))
  return request(
    ...endpoint(random, ['GET', 'PUT', 'POST', 'DELETE']),
    headers,
    pick(random, ['', '{}', '5\r\nhello\r\n0\r\n\r\n']),
  )
}

function noHttp(random: Random): Buffer {
  const whole = wrongHead(random)
  const kind = below(random, 4)
  if (kind === 0) return noise(random, 400)
  if (kind === 1) return whole.subarray(0, below(random, whole.length))
  if (kind === 2) return Buffer.concat([whole, whole, noise(random, 100)])
  const spoilt = Buffer.from(whole)
  for (let i = 0; i < 5; i++) spoilt[below(random, spoilt.length)] = below(random, 256)
  return spoilt
}

/** A question, mostly spoilt: turned bytes, wrong counts, pointers in circles, cut off, padded, or nothing but noise. */
export function malformedQuestion(random: Random): Buffer {
  const question = Buffer.concat([
    Buffer.from([below(random, 256), below(random, 256), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...pick(random, NAMES).map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0, 0, pick(random, [1, 28, 33, 255, 12, 6, 2, 0, 41, 99]), 0, pick(random, [1, 1, 1, 255, 3])]),
  ])
  const kind = below(random, 6)
  if (kind === 0) return noise(random, 600)
  if (kind === 1) return question.subarray(0, below(random, question.length))
  if (kind === 2) return Buffer.concat([question.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])])
  if (kind === 3) return Buffer.concat([question, noise(random, 3000)])
  if (kind === 4) question[4 + below(random, 8)] = below(random, 256)
  else for (let i = 0; i < 3; i++) question[below(random, question.length)] = below(random, 256)
  return question
}

const NAMES: readonly (readonly string[])[] = [
  ['web', 'service', 'consul'],
  ['_web', '_tcp', 'service', 'consul'],
  ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(60)],
  ['\u0000\u00ff', 'node', 'consul'],
  ['1', '0', '0', '127', 'in-addr', 'arpa'],
  ['x', 'query', 'consul'],
  ['service', 'consul'],
  Array.from({ length: 100 }, () => 'a'),
  ['zzzzzzzz', 'addr', 'dc1', 'consul'],
]
