import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { VirtualClock } from '../../../core/clock.ts'
import type { Entry } from '../../history/contract.ts'
import { instance, testRegistry } from '../../test-kit.fixture.ts'

const web = (more: object = {}) => instance('web', 'web1', more)

test('a removed instance stays out, however it comes back, until it is allowed again', async () => {
  const clock = new VirtualClock()
  await using registry = await testRegistry({ clock })
  await registry.put('/v1/agent/service/register', web())
  const removed = await registry.put('/v1/skein/remove/web1?reason=bad%20disk')
  const told = {
    Node: 'node1',
    ServiceID: 'web1',
    Service: 'web',
    Reason: 'bad disk',
    Time: '2023-11-14T22:13:20.000Z',
  }
  assert.deepEqual([removed.status, removed.json()], [200, { ...told, Registered: true }])
  assert.deepEqual((await registry.get('/v1/health/service/web')).json(), [])
  // As every Consul client does it: no such check any more, so register again.
  assert.equal((await registry.put('/v1/agent/check/pass/service:web1')).status, 404)
  const again = await registry.put('/v1/agent/service/register', web())
  assert.equal(again.status, 403)
  assert.match(again.text, /^service ID "web1" was removed at 2023.*\(bad disk\); skein registry allow web1 lets it/)
  const inTxn = [{ Service: { Verb: 'set', Node: 'node1', Service: { ID: 'web1', Service: 'web' } } }]
  assert.notEqual((await registry.put('/v1/txn', inTxn)).status, 200)
  assert.equal((await registry.put('/v1/agent/service/register', instance('web', 'web2'))).status, 200)
  assert.deepEqual((await registry.get('/v1/skein/removed')).json(), [told])

  assert.deepEqual((await registry.put('/v1/skein/allow/web1')).json(), told)
  assert.equal((await registry.put('/v1/agent/service/register', web())).status, 200)
  assert.deepEqual((await registry.get('/v1/skein/removed')).json(), [])
  const entries = (await registry.get('/v1/skein/history?service=web')).json() as Entry[]
  assert.deepEqual(
    entries.filter(({ ServiceID }) => ServiceID === 'web1').map(({ Kind, Detail, Cause }) => [Kind, Detail, Cause]),
    [
      ['register', ':80', 'api'],
      ['remove', 'bad disk', 'api'],
      ['deregister', ':80', 'api'],
      ['allow', 'bad disk', 'api'],
      ['register', ':80', 'api'],
    ],
  )
})

test('the list of removed instances outlives a restart, and can be waited for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-removed-'))
  try {
    const options = { storage: { sqlite: join(folder, 'registry.db') } }
    {
      await using registry = await testRegistry(options)
      await registry.put('/v1/agent/service/register', web())
      const { index } = await registry.get('/v1/skein/removed')
      const waiting = registry.get(`/v1/skein/removed?index=${index}&wait=60s`)
      await registry.put('/v1/skein/remove/web1')
      assert.equal(((await waiting).json() as unknown[]).length, 1)
    }
    await using registry = await testRegistry(options)
    assert.equal((await registry.put('/v1/agent/service/register', web())).status, 403)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a node that is given another name takes along who is kept out of it', async () => {
  await using registry = await testRegistry()
  const node = (Node: string) => ({ Node, ID: '11111111-1111-4111-8111-111111111111', Address: '10.0.0.1' })
  const register = (Node: string) =>
    registry.put('/v1/catalog/register', { ...node(Node), Service: { ID: 'x', Service: 'x' } })
  assert.equal((await register('old')).status, 200)
  assert.equal((await registry.put('/v1/skein/remove/x?node=old')).status, 200)
  assert.equal((await register('new')).status, 403)
  assert.equal((await registry.put('/v1/catalog/register', node('new'))).status, 200)
  const [one] = (await registry.get('/v1/skein/removed')).json() as { Node: string }[]
  assert.equal(one?.Node, 'new')
  assert.equal((await register('new')).status, 403)
})

test('what is not there is removed only with force; of several nodes one must be named', async () => {
  await using registry = await testRegistry()
  assert.equal((await registry.put('/v1/skein/remove/wbe1')).status, 404)
  assert.equal((await registry.put('/v1/skein/remove/')).status, 400)
  assert.equal((await registry.put('/v1/skein/remove/consul')).status, 400)
  assert.equal((await registry.put('/v1/skein/allow/web1')).status, 404)
  const forced = await registry.put('/v1/skein/remove/web1?force')
  assert.equal((forced.json() as { Registered: boolean }).Registered, false)
  assert.equal((await registry.put('/v1/agent/service/register', web())).status, 403)
  for (const Node of ['a', 'b']) {
    await registry.put('/v1/catalog/register', { Node, Address: '10.0.0.1', Service: { ID: 'x', Service: 'x' } })
  }
  const several = await registry.put('/v1/skein/remove/x')
  assert.equal(several.status, 409)
  assert.match(several.text, /is on several nodes \(a, b\)/)
  assert.equal((await registry.put('/v1/skein/remove/x?node=b')).status, 200)
  const again = await registry.put('/v1/catalog/register', {
    Node: 'b',
    Address: '10.0.0.1',
    Service: { ID: 'x', Service: 'x' },
  })
  assert.equal(again.status, 403)
  const left = (await registry.get('/v1/catalog/service/x')).json() as { Node: string }[]
  assert.deepEqual(
    left.map(({ Node }) => Node),
    ['a'],
  )
})
