/** Registry, discovery and client together: registered, found, called, scaled, and the registry lost and back. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createCaller } from '../../src/client/caller.ts'
import { client } from '../../src/client/typed.ts'
import { contractKey, type OperationType, type ServiceType } from '../../src/core/contract.ts'
import { freePort } from '../../src/core/free-port.ts'
import { ConsulClient } from '../../src/discovery/consul-client.ts'
import type { Snapshot, Watch } from '../../src/discovery/contract.ts'
import { consulSource } from '../../src/discovery/source/consul.ts'
import { startRegistry } from '../../src/registry/index.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'

type Users = ServiceType<
  'users',
  { get: OperationType<{ id: string }, { id: string; from: string }, { NotFound: 404 }> }
>

const CONTRACT = {
  service: 'users',
  hash: '0',
  operations: { get: { method: 'GET', path: '/user/:id', idempotent: true, errors: { NotFound: 404 } } },
}

async function startUser(t: TestContext, id: string) {
  const server = createServer((request, response) => {
    response.end(JSON.stringify({ id: request.url!.split('/').at(-1), from: id }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { id, port: (server.address() as AddressInfo).port }
}

function until(watch: Watch, wanted: (snapshot: Snapshot) => boolean): Promise<unknown> {
  const current = watch.current()
  if (current !== undefined && wanted(current)) return Promise.resolve()
  return new Promise<void>((resolve) => {
    const stop = watch.subscribe((snapshot) => {
      if (!wanted(snapshot)) return
      stop()
      resolve()
    })
  })
}

test('calls by type through the embedded registry, while it lives, is wiped, and is back', async (t) => {
  const port = await freePort() // it comes back on the same
  let registry = await startRegistry({ port })
  const { url: address } = registry
  const consul = new ConsulClient({ address })
  const source = consulSource({ client: consul })
  const caller = createCaller({ source, metrics: new Metrics(), defaults: { balance: 'round-robin' } })
  t.after(async () => {
    await caller.close()
    await source.close()
    await consul.close()
    await registry.close()
  })
  const instances = [await startUser(t, 'users-1'), await startUser(t, 'users-2')]
  const register = async () => {
    for (const one of instances) {
      const body = { ID: one.id, Name: 'users', Address: '127.0.0.1', Port: one.port }
      assert.equal((await consul.put('/v1/agent/service/register', body)).status, 200)
    }
  }
  const api = client<Users>('users', { caller, consul })
  const answering = async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => api.get({ id: '7' })))
    return [...new Set(answers.map(({ from }) => from))].sort()
  }

  await assert.rejects(api.get({ id: '7' }), { code: 'UNKNOWN_CONTRACT' })
  await consul.kvPut(contractKey('users'), JSON.stringify(CONTRACT))
  await assert.rejects(api.get({ id: '7' }), { code: 'NO_INSTANCES' })
  const watch = source.watch('users')
  await register()
  await until(watch, (snapshot) => snapshot.instances.length === 2)
  assert.deepEqual(await answering(), ['users-1', 'users-2'])

  await consul.put('/v1/agent/service/deregister/users-1')
  await until(watch, (snapshot) => snapshot.instances.length === 1)
  assert.deepEqual(await answering(), ['users-2'])
  await register()
  await until(watch, (snapshot) => snapshot.instances.length === 2)

  await registry.close()
  await until(watch, (snapshot) => snapshot.stale)
  assert.deepEqual(await answering(), ['users-1', 'users-2'])
  registry = await startRegistry({ port })
  assert.deepEqual(await answering(), ['users-1', 'users-2'])
  await register()
  await until(watch, (snapshot) => !snapshot.stale)
  assert.deepEqual(await answering(), ['users-1', 'users-2'])
})
