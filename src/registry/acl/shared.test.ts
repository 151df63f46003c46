/** Tokens where two registries share an etcd. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsEtcd, startEtcd } from '../../../test/support/etcd.ts'
import { closedRegistry, MASTER } from './acl-kit.fixture.ts'

test('two registries on one etcd know the same tokens, at once', { skip: needsEtcd(), timeout: 60_000 }, async () => {
  const etcd = await startEtcd()
  try {
    const options = { storage: { etcd: etcd.urls } }
    await using a = await closedRegistry(options)
    await using b = await closedRegistry(options)
    assert.equal(((await b.asMaster('GET', '/v1/acl/tokens')).json() as unknown[]).length, 2, 'nothing is there twice')
    for (let i = 0; i < 20; i++) {
      const made = await a.makeToken(`t${i}`, { Policies: [{ Name: 'global-management' }] })
      assert.equal((await b.ask('PUT', `/v1/kv/k${i}`, made.SecretID, 'x')).text, 'true')
      await a.asMaster('DELETE', `/v1/acl/token/${made.AccessorID}`)
      await b.asMaster('GET', '/v1/acl/tokens')
      assert.equal((await b.ask('GET', '/v1/kv/?keys', made.SecretID)).text, 'ACL not found')
    }
    await using open = await closedRegistry({ ...options, acl: { initialManagement: MASTER, ownToken: 'mine' } })
    assert.equal((await open.ask('GET', '/v1/agent/self', 'mine')).status, 200)
    assert.equal((await a.ask('GET', '/v1/agent/self', 'mine')).text, 'ACL not found', 'it is its process’s alone')
  } finally {
    await etcd.close()
  }
})
