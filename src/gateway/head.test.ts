import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HeadRefusal, type RequestHead, readHead } from './head.ts'
import { LIMITS } from './limits.ts'

const head = (change: Partial<RequestHead>): RequestHead => ({
  method: 'GET',
  target: '/',
  headers: ['Host', 'a.com'],
  ...change,
})

const refusal = (change: Partial<RequestHead>) => {
  const { code, reason } = readHead(head(change), LIMITS) as Partial<HeadRefusal>
  return code === undefined ? undefined : `${code} ${reason}`
}

const withHost = (...headers: string[]) => ({ headers: ['Host', 'a.com', ...headers] })
const fields = (count: number) => Array.from({ length: count }, (_, i) => [`h${i}`, 'v']).flat()

for (const [what, change, expected] of [
  ['a plain request', {}, undefined],
  ['a chunked body', { method: 'POST', ...withHost('Transfer-Encoding', '\tChunked ') }, undefined],
  ['a body of known length', { method: 'POST', ...withHost('Content-Length', '3') }, undefined],
  ['100-continue', { method: 'POST', ...withHost('Expect', '100-Continue') }, undefined],
  ['100 headers', { headers: ['Host', 'a', ...fields(99)] }, undefined],
  ['repeated list headers', withHost('Accept', 'a', 'Accept', 'b', 'Cookie', 'c', 'Cookie', 'd'), undefined],
  ['an absolute target', { target: 'http://a.com/x' }, undefined],
  ['OPTIONS *', { method: 'OPTIONS', target: '*' }, undefined],
  ['101 headers', { headers: ['Host', 'a', ...fields(100)] }, 'HEADERS_TOO_LARGE too_many_headers'],
  ['a long target', { target: `/${'a'.repeat(8192)}` }, 'URI_TOO_LONG target_too_long'],
  ['TRACE', { method: 'TRACE' }, 'METHOD_NOT_ALLOWED method'],
  ['CONNECT', { method: 'CONNECT', target: 'a.com:443' }, 'METHOD_NOT_ALLOWED method'],
  ['an unknown method', { method: 'PROPFIND' }, 'METHOD_NOT_ALLOWED method'],
  ['GET *', { target: '*' }, 'BAD_REQUEST target_form'],
  ['_ in a header name', withHost('X_Forwarded_For', '1.1.1.1'), 'BAD_REQUEST header_underscore'],
  ['two Hosts', withHost('Host', 'a.com'), 'BAD_REQUEST repeated_header'],
  ['two Authorizations', withHost('Authorization', 'a', 'authorization', 'b'), 'BAD_REQUEST repeated_header'],
  ['two Content-Types', withHost('Content-Type', 'a', 'Content-Type', 'b'), 'BAD_REQUEST repeated_header'],
  ['no Host', { headers: [] }, 'BAD_REQUEST no_host'],
  ['a Host that is a path', { headers: ['Host', 'a/../b@c'] }, 'BAD_REQUEST invalid_host'],
  ['an absolute target of another host', { target: 'http://b.com/' }, 'BAD_REQUEST host_mismatch'],
  ['a list of codings', withHost('Content-Encoding', 'gzip, gzip'), 'BAD_REQUEST content_encoding'],
  ['h2c', withHost('Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c'), undefined],
  ['another upgrade', withHost('Connection', 'Upgrade', 'Upgrade', 'TLS/1.0'), 'BAD_REQUEST upgrade'],
  ['h2c among others', withHost('Connection', 'Upgrade', 'Upgrade', 'h2c, websocket'), 'BAD_REQUEST upgrade'],
  ['another expectation', withHost('Expect', '200-ok'), 'EXPECTATION_FAILED expectation'],
] as const) {
  test(`${what}: ${expected ?? 'let in'}`, () => assert.equal(refusal(change), expected))
}
