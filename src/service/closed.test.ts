/** A service and its caller at a registry that lets in whom it knows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCaller } from '../client/caller.ts'
import { client } from '../client/typed.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { startRegistry } from '../registry/index.ts'
import { op, service } from './define.ts'
import { serve } from './serve.ts'

const MASTER = '11111111-1111-1111-1111-111111111111'
const SecretID = '22222222-2222-2222-2222-222222222222'

const hello = service('hello', { get: op({ route: 'GET /hello' }, () => ({ said: 'hello' })) })

test('a service registers with its token, also when that is made later, and is found with one', {
  timeout: 30_000,
}, async () => {
  const registry = await startRegistry({ port: 0, acl: { initialManagement: MASTER } })
  const operator = new ConsulClient({ address: registry.url, token: MASTER })
  const running = await serve(hello, { registry: registry.url, token: SecretID, port: 0, signals: false, env: {} })
  try {
    const names = async () => Object.keys((await operator.get('/v1/catalog/services')).body as object)
    assert.deepEqual(await names(), ['consul'], 'its token is not known yet')
    const Rules = 'key_prefix "skein/contracts/" { policy = "write" }'
    await operator.put('/v1/acl/policy', { Name: 'contracts', Rules })
    const grants = { ServiceIdentities: [{ ServiceName: 'hello' }], Policies: [{ Name: 'contracts' }] }
    await operator.put('/v1/acl/token', { SecretID, ...grants })
    while ((await operator.kvGet('skein/contracts/hello')) === undefined);
    assert.deepEqual(await names(), ['consul', 'hello'])
    const consul = new ConsulClient({ address: registry.url, token: SecretID })
    const source = consulSource({ client: consul })
    const caller = createCaller({ source })
    const said = await client<typeof hello>('hello', { caller, consul }).get()
    assert.deepEqual(said, { said: 'hello' })
    await caller.close()
    await source.close()
    await consul.close()
  } finally {
    await running.close()
    assert.deepEqual((await operator.get('/v1/agent/services')).body, {}, 'it deregistered')
    await operator.close()
    await registry.close()
  }
})
