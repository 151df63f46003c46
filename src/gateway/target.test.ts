import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isValidHost, normaliseHost, parseTarget } from './target.ts'

const reason = (raw: string, host = 'a.com') => {
  const parsed = parseTarget(raw, host)
  return 'reason' in parsed ? parsed.reason : undefined
}

for (const [raw, path, query] of [
  ['/', '/', ''],
  ['/a/b?c=d', '/a/b', 'c=d'],
  ['/a?', '/a', ''],
  ['/a?x=%2F..%2f/../b', '/a', 'x=%2F..%2f/../b'],
  ['/%61dm%69n', '/admin', ''],
  ['/%7euser', '/~user', ''],
  ['/a%20b%c3%a9', '/a%20b%C3%A9', ''],
  ['/a/...', '/a/...', ''],
  ['/.well-known/x', '/.well-known/x', ''],
  ['/a;v=1/b', '/a;v=1/b', ''],
  ['*', '*', ''],
  ['http://a.com/x?y', '/x', 'y'],
  ['http://A.com:80', '/', ''],
  ['http://a.com.?q', '/', 'q'],
] as const) {
  test(`${raw} is taken as ${path} and ${query || 'no query'}`, () => {
    assert.deepEqual(parseTarget(raw, 'a.com'), { path, query })
  })
}

for (const [raw, expected] of [
  ['/api/../admin', 'path_dot_segment'],
  ['/api/./admin', 'path_dot_segment'],
  ['/api/..', 'path_dot_segment'],
  ['/api/.', 'path_dot_segment'],
  ['/..', 'path_dot_segment'],
  ['/api/%2e%2e/admin', 'path_dot_segment'],
  ['/api/.%2E/admin', 'path_dot_segment'],
  ['/api/..;/admin', 'path_dot_segment'],
  ['/api/%2e%2e;x=1/admin', 'path_dot_segment'],
  ['/api%2f..%2fadmin', 'path_hidden_separator'],
  ['/api%2Fadmin', 'path_hidden_separator'],
  ['/api%5c..%5cadmin', 'path_hidden_separator'],
  ['/api\\..\\admin', 'path_backslash'],
  ['/adm%00in', 'path_hidden_separator'],
  ['/a%23b', 'path_hidden_separator'],
  ['/a%252fb', 'path_hidden_separator'],
  ['/a/%252e%252e/b', 'path_hidden_separator'],
  ['/a/%25252e/b', 'path_hidden_separator'],
  ['//admin', 'path_empty_segment'],
  ['/a//b', 'path_empty_segment'],
  ['/a#/../admin', 'target_fragment'],
  ['/a?b#c', 'target_fragment'],
  ['/a%zz', 'path_escape'],
  ['/a%2', 'path_escape'],
  ['/a\u00e9', 'target_characters'],
  ['/a b', 'target_characters'],
  ['/a\u007f', 'target_characters'],
  ['a', 'target_form'],
  ['', 'target_form'],
  ['https://a.com/', 'target_form'],
  ['http:///x', 'target_form'],
  ['ftp://a.com/', 'target_form'],
  ['http://b.com/', 'host_mismatch'],
  ['http://a.com:81/', 'host_mismatch'],
  ['http://u@a.com/', 'host_mismatch'],
  ['http://a.com/../x', 'path_dot_segment'],
] as const) {
  test(`${JSON.stringify(raw)} is refused: ${expected}`, () => assert.equal(reason(raw), expected))
}

test('host names and addresses, with or without a port', () => {
  for (const host of ['a.com', 'A-1.b.com:8080', '127.0.0.1', '[::1]:80', 'my_service', 'localhost', 'a.com.']) {
    assert.ok(isValidHost(host), host)
  }
  for (const host of [
    '',
    'a/../b@c',
    'a b',
    'a.com:',
    'a.com:x',
    'a..b',
    '-a',
    '*.a.com',
    'a.com,b.com',
    'u@a',
    '[::1',
    'é',
  ]) {
    assert.ok(!isValidHost(host), host)
  }
})

test('a host is matched without case, port and trailing dot', () => {
  assert.equal(normaliseHost('Shop.Example.COM.:8080'), 'shop.example.com')
  assert.equal(normaliseHost('[::1]:80'), '[::1]')
})
