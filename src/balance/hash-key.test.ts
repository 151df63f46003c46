import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HashKeySource } from './contract.ts'
import { checkHashKeySource, hashKeyOf, type KeyedRequest } from './hash-key.ts'

const request: KeyedRequest = {
  ip: '192.0.2.7',
  port: 40_123,
  headers: ['X-User', 'anna', 'Cookie', 'a=1; session=s1', 'cookie', 'cart=c=9; empty=', 'x-user', 'berta'],
  params: { id: '42' },
  query: '?page=2&q=a%20b&page=3&none=&filter%5Bgr%C3%B6%C3%9Fe]=7',
}

describe('hashKeyOf', () => {
  const cases: [HashKeySource, string | undefined][] = [
    ['ip', '192.0.2.7'],
    ['ip-port', '192.0.2.7:40123'],
    ['header:x-user', 'anna'],
    ['header:X-USER', 'anna'],
    ['header:x-none', undefined],
    ['cookie:session', 's1'],
    ['cookie:cart', 'c=9'],
    ['cookie:Session', undefined],
    ['cookie:empty', undefined],
    ['param:id', '42'],
    ['param:toString', undefined],
    ['query:page', '2'],
    ['query:q', 'a b'],
    ['query:none', undefined],
    ['query:filter[größe]', '7'],
  ]
  for (const [source, key] of cases) {
    it(`finds ${source}`, () => assert.equal(hashKeyOf(source, request), key))
  }

  it('knows an IPv4 client behind a dual-stack socket as the same', () => {
    assert.equal(hashKeyOf('ip', { ...request, ip: '::ffff:192.0.2.7' }), '192.0.2.7')
    assert.equal(hashKeyOf('ip-port', { ...request, ip: '::ffff:192.0.2.7' }), '192.0.2.7:40123')
    assert.equal(hashKeyOf('ip', { ...request, ip: '2001:db8::1' }), '2001:db8::1')
  })

  it('reads a query without its question mark', () => {
    assert.equal(hashKeyOf('query:page', { ...request, query: 'page=7' }), '7')
  })
})

describe('checkHashKeySource', () => {
  it('accepts each kind', () => {
    for (const source of [
      'ip',
      'ip-port',
      'header:x-user',
      'cookie:__Host-id',
      'param:id',
      'query:page',
      'query:filter[größe]',
    ]) {
      assert.equal(checkHashKeySource(source), undefined)
    }
  })

  const cases: [unknown, RegExp][] = [
    ['header', /needs a name: 'header:<name>'/],
    ['header:', /needs a name/],
    ['header:a b', /needs a name/],
    ['query:', /needs a name/],
    ['ip:x', /'ip' takes no name/],
    ['ip:', /'ip' takes no name/],
    ['body:x', /unknown key source 'body:x' \(known: ip, ip-port, header:<name>, /],
    ['constructor', /unknown key source/],
    [3, /3 is not a text/],
  ]
  for (const [source, message] of cases) {
    it(`refuses ${source}`, () => assert.match(checkHashKeySource(source) ?? 'nothing found', message))
  }
})
