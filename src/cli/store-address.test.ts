import assert from 'node:assert/strict'
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

for (const bad of ['', 'etcd://', 'http://a:1', 'etcd:///x', 'etcd://a:99999', 'etcd://a,', 'etcd://u:p@a:1', 'a:1']) {
  test(`no address: '${bad}'`, () => {
    assert.throws(() => readStoreAddress(bad), UsageError)
  })
}
