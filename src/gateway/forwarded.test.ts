import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainAddress } from '../core/address.ts'
import { addressSet, checkRange } from './address.ts'
import { forwardedHeaders, originOf } from './forwarded.ts'

const trusts = addressSet(['10.0.0.0/8', '::1'])
const claims = (xff: string, more: string[] = []) => ['Host', 'shop.com', 'X-Forwarded-For', xff, ...more]
const peer = (ip: string) => ({ ip, port: 40_000, localPort: 8080, secure: false })

test('nothing that an untrusted peer says is believed', () => {
  const origin = originOf(
    claims('1.1.1.1', ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'evil.com']),
    peer('9.9.9.9'),
    trusts,
  )
  assert.deepEqual(origin, { ip: '9.9.9.9', proto: 'http', host: 'shop.com', port: '8080', chain: ['9.9.9.9'] })
})

test('addresses are counted from the right, up to the first that is not trusted', () => {
  const origin = originOf(claims('6.6.6.6, 9.9.9.9, 10.1.1.1'), peer('10.0.0.1'), trusts)
  assert.equal(origin.ip, '9.9.9.9')
  assert.deepEqual(origin.chain, ['9.9.9.9', '10.1.1.1', '10.0.0.1'])
})

test('several lines are one list; what is no address ends belief', () => {
  const lines = ['Host', 'a', 'X-Forwarded-For', '9.9.9.9', 'X-Forwarded-For', 'unknown, 10.2.2.2']
  assert.deepEqual(originOf(lines, peer('10.0.0.1'), trusts).chain, ['10.2.2.2', '10.0.0.1'])
  assert.equal(originOf(['Host', 'a'], peer('::1'), trusts).ip, '::1')
})

test('proxies that say the port as well are understood', () => {
  for (const [said, ip] of [
    ['9.9.9.9:4711', '9.9.9.9'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[::ffff:9.9.9.9]:1', '9.9.9.9'],
  ] as const) {
    assert.equal(originOf(claims(said), peer('10.0.0.1'), trusts).ip, ip)
    assert.deepEqual(originOf(claims(`${said}, 10.3.3.3:80`), peer('10.0.0.1'), trusts).chain, [
      ip,
      '10.3.3.3',
      '10.0.0.1',
    ])
  }
  for (const odd of ['9.9.9.9:', '9.9.9:80', '[9.9.9.9', '999.9.9.9:1', '[]:80', '::1:80x']) {
    assert.equal(originOf(claims(odd), peer('10.0.0.1'), trusts).ip, '10.0.0.1', odd)
  }
})

test('a trusted proxy says scheme, host and port, once and well-formed', () => {
  const said = ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'www.shop.com', 'X-Forwarded-Port', '443']
  const { proto, host, port } = originOf(claims('9.9.9.9', said), peer('10.0.0.1'), trusts)
  assert.deepEqual([proto, host, port], ['https', 'www.shop.com', '443'])
  const bad = ['X-Forwarded-Proto', 'gopher', 'X-Forwarded-Host', 'a', 'X-Forwarded-Host', 'b', 'X-Forwarded-Port', 'x']
  const repaired = originOf(claims('9.9.9.9', bad), peer('10.0.0.1'), trusts)
  assert.deepEqual([repaired.proto, repaired.host, repaired.port], ['http', 'shop.com', '8080'])
})

test('the fields for the upstream', () => {
  assert.deepEqual(
    forwardedHeaders({ ip: '1.1.1.1', proto: 'http', host: 'a', port: '80', chain: ['1.1.1.1', '2.2.2.2'] }),
    [
      'x-forwarded-for',
      '1.1.1.1, 2.2.2.2',
      'x-forwarded-proto',
      'http',
      'x-forwarded-host',
      'a',
      'x-forwarded-port',
      '80',
      'x-real-ip',
      '1.1.1.1',
    ],
  )
})

test('addresses and ranges, with the family kept apart', () => {
  assert.ok(trusts('10.255.0.1') && trusts('::1') && !trusts('11.0.0.1') && !trusts('::2') && !trusts('x'))
  assert.ok(addressSet(['192.168.0.1'])('192.168.0.1'))
  for (const range of ['10.0.0.0/33', '10.0.0/8', 'fe80::/129', '1.2.3.4/8/9', '1.2.3.4/', 'host', '']) {
    assert.notEqual(checkRange(range), undefined, range)
  }
  assert.equal(checkRange('fe80::/10'), undefined)
  assert.equal(plainAddress('::ffff:1.2.3.4'), '1.2.3.4')
  assert.equal(plainAddress('::1'), '::1')
})
