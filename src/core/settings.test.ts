import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryToken } from './settings.ts'

test('the token is that of Skein’s variable, else that of Consul’s; an empty one is none', () => {
  assert.equal(registryToken({ SKEIN_REGISTRY_TOKEN: 'a', CONSUL_HTTP_TOKEN: 'b' }), 'a')
  assert.equal(registryToken({ SKEIN_REGISTRY_TOKEN: '', CONSUL_HTTP_TOKEN: 'b' }), 'b')
  assert.equal(registryToken({ CONSUL_HTTP_TOKEN: '' }), undefined)
  assert.equal(registryToken({}), undefined)
})
