import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { UsageError } from './command.ts'
import { readStoreAddress } from './store-address.ts'

test('members, default port, IPv6, prefix', () => {
  assert.deepEqual(readStoreAddress('etcd://a:1,b'), { etcd: ['http://a:1', 'http://b:2379'] })
  assert.deepEqual(readStoreAddress('etcd://[::1]:7/my/registry/'), {
    etcd: ['http://[::1]:7'],
    prefix: '/my/registry',
  })
  assert.deepEqual(readStoreAddress('etcd://a/'), { etcd: ['http://a:2379'] })
})

test('TLS: files by the address, else by the environment', () => {
  const none = { ca: undefined, cert: undefined, key: undefined, serverName: undefined }
  assert.deepEqual(readStoreAddress('etcds://a,b/x'), {
    ...{ etcd: ['https://a:2379', 'https://b:2379'], prefix: '/x', tls: none },
  })
  const text = 'etcds://a?ca=/pki/ca.pem&cert=/pki/c.pem&key=/pki/k.pem&server-name=etcd.test'
  const given = { ca: '/pki/ca.pem', cert: '/pki/c.pem', key: '/pki/k.pem', serverName: 'etcd.test' }
  assert.deepEqual(readStoreAddress(text, { SKEIN_ETCD_CA: '/other' }).tls, given)
  const env = { SKEIN_ETCD_CA: '/ca', SKEIN_ETCD_CERT: '/cert', SKEIN_ETCD_KEY: '/key' }
  assert.deepEqual(readStoreAddress('etcds://a', env).tls, { ...none, ca: '/ca', cert: '/cert', key: '/key' })
})

test('user and password: from the address, the environment or a file', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-store-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'password')
  writeFileSync(file, 's3cret\n')
  const login = (text: string, env = {}) => {
    const { user, password } = readStoreAddress(text, env)
    return [user, password]
  }
  assert.deepEqual(login('etcd://me:p%40ss:word%2F@a,b/x'), ['me', 'p@ss:word/'])
  assert.deepEqual(login('etcd://me@a', { SKEIN_ETCD_PASSWORD: 'pw' }), ['me', 'pw'])
  assert.deepEqual(login('etcd://a', { SKEIN_ETCD_USER: 'me', SKEIN_ETCD_PASSWORD: 'pw' }), ['me', 'pw'])
  assert.deepEqual(login(`etcds://me@a?password-file=${file}`, { SKEIN_ETCD_PASSWORD: 'pw' }), ['me', 's3cret'])
  assert.deepEqual(login('etcd://a', { SKEIN_ETCD_PASSWORD: 'pw' }), [undefined, undefined])
})

for (const bad of [
  ...['', 'etcd://', 'http://a:1', 'etcd:///x', 'etcd://a:99999', 'etcd://a,', 'a:1', 'etcd://@a', 'etcd://u@a'],
  ...['etcd://:hunter2@a', 'etcd://u:hunter2@', 'http://u:hunter2@a', 'etcd://u:hunter2@b@a', 'etcd://u:hunter2%@a'],
  ...['etcd://u:hunter2@a:x', 'etcd://u:hunter2@a?dog=1', 'etcd://a?ca=/x', 'etcds://a?cert=/x'],
  'etcd://u@a?password-file=/nowhere',
]) {
  test(`no address: '${bad}'`, () => {
    assert.throws(
      () => readStoreAddress(bad),
      (error) => error instanceof UsageError && !error.message.includes('hunter2'),
    )
  })
}
