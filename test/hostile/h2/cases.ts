/** Requests over HTTP/2 that must not become, or must exactly become, a request over HTTP/1.1 (RFC 9113 §8). */
import { CONTROLS, hex, SMUGGLED } from '../cases/build.ts'
import { type Forwarded, HOST } from '../contract.ts'
import type { H2Fields } from './frames.ts'

export interface H2Case {
  readonly what: string
  readonly fields: H2Fields
  readonly body?: string
  /** Absent: nothing is forwarded. */
  readonly forward?: Forwarded
  /**
   * It may also be forwarded without the one field, where the gateway speaks by node:http2 (SKEIN_HTTP2): nghttp2 drops fields with
   * characters that may not be there and goes on, and tells nobody. RFC 9113 §8.2.1 would have the request refused.
   */
  readonly orWithout?: true
}

const PSEUDO = { ':method': 'GET', ':scheme': 'http', ':path': '/x', ':authority': HOST } as const
type Pseudo = Partial<Record<keyof typeof PSEUDO, string | undefined>>

/** All pseudo-headers but those set to undefined, then `fields`. */
const head = (change: Pseudo, fields: H2Fields = []): H2Fields => [
  ...Object.entries({ ...PSEUDO, ...change }).filter((one): one is [string, string] => one[1] !== undefined),
  ...fields,
]
const refuse = (what: string, fields: H2Fields, body?: string): H2Case => ({
  what,
  fields,
  ...(body === undefined ? {} : { body }),
})
const field = (name: string, value: string) => head({}, [[name, value]])
/** A GET with one field that nobody may get to see. */
const hide = (what: string, name: string, value: string): H2Case => ({
  what,
  fields: field(name, value),
  orWithout: true,
})
const posted = (fields: H2Fields, body: string, what: string) => refuse(what, head({ ':method': 'POST' }, fields), body)
const passed = (what: string, fields: H2Fields, kept: H2Fields): H2Case => ({
  what,
  fields: head({}, fields),
  forward: { method: 'GET', target: '/x', fields: [['host', HOST], ...kept] },
})

const PATHS = [
  '',
  'x',
  '*',
  '/a b',
  '/a\tb',
  '/a\r\nX: y',
  '/a HTTP/1.1\r\nHost: b\r\n\r\n',
  '/a\nb',
  '/a\0b',
  '/a#b',
  '/../b',
  '/a/%2e%2e/b',
  '/a%2fb',
  '/a\\b',
  '//a',
  '/\xe9',
  'http://b.example/x',
  `//${HOST}/x`,
]
const METHODS = ['', 'get', 'TRACE', 'CONNECT', 'G ET', 'GET /y HTTP/1.1\r\nX: y', 'GET\r\n', 'G\0T', 'GET\t']
const AUTHORITIES = [
  '',
  'a b',
  'a/b',
  `user@${HOST}`,
  `${HOST}\r\nX: y`,
  `${HOST}\0`,
  `${HOST}, b.example`,
  `${HOST}:x`,
  `${HOST}#`,
  'a..b',
]
const CONNECTION_FIELDS: H2Fields = [
  ['connection', 'close'],
  ['connection', 'x-a'],
  ['keep-alive', 'timeout=5'],
  ['proxy-connection', 'keep-alive'],
  ['transfer-encoding', 'chunked'],
  ['upgrade', 'websocket'],
  ['te', 'gzip'],
  ['te', 'trailers, gzip'],
]

export const H2_CASES: readonly H2Case[] = [
  passed('a plain GET', [], []),
  passed('a field', [['x-a', '1']], [['x-a', '1']]),
  passed('te: trailers', [['te', 'trailers']], []),
  passed('X-Forwarded-For', [['x-forwarded-for', '1.1.1.1']], []),
  passed('Forwarded', [['forwarded', 'for=1.1.1.1']], []),
  passed('Host that is the authority', [['host', HOST]], []),
  {
    what: 'a POST with a length',
    fields: head({ ':method': 'POST' }, [['content-length', '3']]),
    body: 'abc',
    forward: { method: 'POST', target: '/x', body: 'abc' },
  },
  {
    what: 'a POST without a length',
    fields: head({ ':method': 'POST' }),
    body: 'abc',
    forward: { method: 'POST', target: '/x', body: 'abc' },
  },
  {
    what: 'a body that is a request',
    fields: head({ ':method': 'POST' }, [['content-length', `${SMUGGLED.length}`]]),
    body: SMUGGLED,
    forward: { method: 'POST', target: '/x', body: SMUGGLED },
  },
  ...PATHS.map((path) => refuse(`:path ${JSON.stringify(path)}`, head({ ':path': path }))),
  ...METHODS.map((method) => refuse(`:method ${JSON.stringify(method)}`, head({ ':method': method }))),
  ...AUTHORITIES.map((name) => refuse(`:authority ${JSON.stringify(name)}`, head({ ':authority': name }))),
  refuse('no :path', head({ ':path': undefined })),
  refuse('no :method', head({ ':method': undefined })),
  refuse('no :scheme', head({ ':scheme': undefined })),
  refuse('no :authority and no Host', head({ ':authority': undefined })),
  refuse('another Host than :authority', head({}, [['host', 'b.example']])),
  refuse(
    'two Hosts',
    head({}, [
      ['host', HOST],
      ['host', HOST],
    ]),
  ),
  refuse('two :paths', [...head({}), [':path', '/y']]),
  refuse('two :methods', [...head({}), [':method', 'GET']]),
  refuse('two :authorities', [...head({}), [':authority', 'b.example']]),
  refuse('an unknown pseudo-header', head({}, [[':x', 'y']])),
  refuse(':status in a request', head({}, [[':status', '200']])),
  refuse('a pseudo-header behind a field', [...head({ ':path': undefined }), ['x-a', '1'], [':path', '/x']]),
  refuse(':protocol without its setting', head({ ':method': 'CONNECT' }, [[':protocol', 'websocket']])),
  ...CONNECTION_FIELDS.map(([name, value]) => refuse(`${name}: ${value}`, field(name, value))),
  refuse('a name in capitals', field('X-A', '1')),
  hide('an empty name', '', '1'),
  hide('a name of a colon', ':', '1'),
  hide('a name with a colon', 'a:b', '1'),
  hide('a name with a blank', 'a b', '1'),
  hide('a name with a blank at its end', 'transfer-encoding ', 'chunked'),
  hide('a name with CRLF', 'a: b\r\ntransfer-encoding', 'chunked'),
  hide('a name above ASCII', 'caf\xe9', '1'),
  refuse('a name with an underscore', field('x_real_ip', '1.1.1.1')),
  ...CONTROLS.filter((_, i) => i % 3 === 0).map((one) => hide(`a name with \\x${hex(one)}`, `a${one}b`, '1')),
  ...CONTROLS.map((one) => hide(`a value with \\x${hex(one)}`, 'x-a', `b${one}c`)),
  hide('a value with CR', 'x-a', 'b\rc'),
  hide('a value with LF', 'x-a', 'b\nc'),
  hide('a value with CRLF and a field', 'x-a', 'b\r\ntransfer-encoding: chunked'),
  hide('a value with a request', 'x-a', `b\r\n\r\n${SMUGGLED}`),
  posted([['content-length', '2']], 'abc', 'a length that is too small'),
  posted([['content-length', '4']], 'abc', 'a length that is too large'),
  posted([['content-length', '0']], 'abc', 'a length of 0 with a body'),
  posted(
    [
      ['content-length', '3'],
      ['content-length', '3'],
    ],
    'abc',
    'two lengths',
  ),
  posted(
    [
      ['content-length', '3'],
      ['content-length', '5'],
    ],
    'abc',
    'two different lengths',
  ),
  posted([['content-length', '+3']], 'abc', 'a signed length'),
  posted([['content-length', '3, 3']], 'abc', 'a list of lengths'),
  posted([['content-length', 'x']], 'abc', 'a length that is none'),
  posted([['transfer-encoding', 'chunked']], '0\r\n\r\n', 'chunked'),
  refuse(
    'two Authorizations',
    head({}, [
      ['authorization', 'a'],
      ['authorization', 'b'],
    ]),
  ),
  refuse(
    '200 fields',
    head(
      {},
      Array.from({ length: 200 }, (_, i) => [`h${i}`, 'v'] as const),
    ),
  ),
  refuse('a value of 20 KiB', field('x-a', 'b'.repeat(20 * 1024))),
  refuse(
    'fields of 200 KiB',
    head(
      {},
      Array.from({ length: 20 }, (_, i) => [`h${i}`, 'v'.repeat(10_000)] as const),
    ),
  ),
  refuse('another expectation', field('expect', '200-ok')),
]
