import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestHeaders, responseHeaders } from './end-to-end.ts'

test('hop-by-hop fields stay behind, with those that Connection names', () => {
  const raw = [
    'Host',
    'a',
    'Connection',
    'close, X-Mine',
    'Connection',
    'x-other',
    'X-Mine',
    '1',
    'X-Other',
    '2',
    'Keep',
    '3',
  ]
  raw.push('Keep-Alive', '1', 'TE', 'trailers', 'Trailer', 'x', 'Transfer-Encoding', 'chunked', 'Upgrade', 'x')
  raw.push('Proxy-Authorization', 'p', 'Proxy-Connection', 'close', 'HTTP2-Settings', 'AAA')
  assert.deepEqual(requestHeaders(raw), ['Host', 'a', 'Keep', '3'])
  assert.deepEqual(responseHeaders(['Connection', 'x-a', 'X-A', '1', 'X-B', '2', 'Upgrade', 'h2']), ['X-B', '2'])
})

test('Connection cannot take away what the upstream relies on', () => {
  const raw = ['Host', 'a', 'Connection', 'Host, Authorization, Cookie', 'Authorization', 'b', 'Cookie', 'c']
  assert.deepEqual(requestHeaders(raw), ['Host', 'a', 'Authorization', 'b', 'Cookie', 'c'])
})

test('what the gateway writes itself is never taken from outside', () => {
  const raw = [
    'X-Forwarded-For',
    '1',
    'X-Forwarded-Prefix',
    '/',
    'Forwarded',
    'for=1',
    'X-Real-IP',
    '1',
    'X-Skein-Deadline-Ms',
    '9',
  ]
  raw.push(
    'traceparent',
    't',
    'tracestate',
    't',
    'X-Request-Id',
    'r',
    'Content-Length',
    '1',
    'Expect',
    '100-continue',
    'X-Own',
    'kept',
  )
  assert.deepEqual(requestHeaders(raw), ['X-Own', 'kept'])
})

test('repeats, order and case of an answer are kept; its length is written anew', () => {
  const raw = ['Set-Cookie', 'a', 'Content-Length', '3', 'set-cookie', 'b', 'X-Request-Id', 'theirs']
  assert.deepEqual(responseHeaders(raw), ['Set-Cookie', 'a', 'set-cookie', 'b'])
})
