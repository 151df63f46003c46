/**
 * What each step does to each index. The table is what a real Consul 1.8.7 did, less three quirks of its agent, none of
 * which tells a client anything: a re-registration rewrote unchanged checks, taking a node check off moved the services
 * table, and catalog/node moved with it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instance, testRegistry } from '../test-kit.fixture.ts'

const QUERIES: readonly string[] = [
  'catalog/nodes',
  'catalog/services',
  'catalog/service/web',
  'health/service/web',
  'health/service/api',
  'health/service/none',
  'health/checks/web',
  'health/state/any',
  'health/node/node1',
  'catalog/node/node1',
]

const web1 = { Name: 'web', ID: 'web-1', Port: 80, Address: '127.0.0.1', Check: { TTL: '30s' } }
const api1 = { Name: 'api', ID: 'api-1', Port: 82 }
const web2 = { Name: 'web', ID: 'web-2', Port: 81, Checks: [{ TTL: '30s' }, { CheckID: 'mine', TTL: '1m' }] }
const web2Bare = { Name: 'web', ID: 'web-2', Port: 81 }
const web2Mine = { ...web2Bare, Check: { CheckID: 'mine', TTL: '1m' } }

/** One letter a query: `+` the index moved up, `.` it stayed. */
const STEPS: readonly [string, string, unknown, string][] = [
  ['web-1 with a TTL check', 'agent/service/register', web1, '.+++++++++'],
  ['api-1 without checks', 'agent/service/register', api1, '.+..++...+'],
  ['api-1 again', 'agent/service/register', api1, '..........'],
  ['pass', 'agent/check/pass/service:web-1', undefined, '..++.++++.'],
  ['pass again', 'agent/check/pass/service:web-1', undefined, '..........'],
  ['pass with a note', 'agent/check/pass/service:web-1?note=n', undefined, '..........'],
  ['warn', 'agent/check/warn/service:web-1', undefined, '..++.++++.'],
  ['fail', 'agent/check/fail/service:web-1', undefined, '..++.++++.'],
  ['update', 'agent/check/update/service:web-1', { Status: 'passing' }, '..++.++++.'],
  ['web-1 again', 'agent/service/register', web1, '..........'],
  ['web-1 with another port', 'agent/service/register', { ...web1, Port: 81 }, '.+++.+...+'],
  ['web-2 with two checks', 'agent/service/register', web2, '.+++.+++++'],
  ['web-2 without its checks', 'agent/service/register', web2Bare, '..........'],
  ['web-2 with one check less', 'agent/service/register?replace-existing-checks=true', web2Mine, '..++.++++.'],
  ['web-2 goes', 'agent/service/deregister/web-2', undefined, '.+++.+++++'],
  ['the last web goes', 'agent/service/deregister/web-1', undefined, '.+++.+++++'],
  ['node maintenance on', 'agent/maintenance?enable=true', undefined, '....+.+++.'],
  ['node maintenance off', 'agent/maintenance?enable=false', undefined, '....+.+++.'],
  ['service maintenance on', 'agent/service/maintenance/api-1?enable=true', undefined, '....+.+++.'],
  ['service maintenance off', 'agent/service/maintenance/api-1?enable=false', undefined, '....+.+++.'],
  ['a key is written', 'kv/k', 'v', '..........'],
]

test('every step moves the indexes that it should, and no other', async () => {
  await using registry = await testRegistry()
  const read = async () => Promise.all(QUERIES.map(async (query) => (await registry.get(`/v1/${query}`)).index))
  let before = await read()
  for (const [step, path, body, expected] of STEPS) {
    assert.equal((await registry.put(`/v1/${path}`, body)).status, 200, step)
    const after = await read()
    const moved = after.map((index, i) => (index > before[i]! ? '+' : index === before[i]! ? '.' : '-')).join('')
    assert.equal(moved, expected, step)
    before = after
  }
})

/**
 * Query, write, whether it wakes the query: as in Consul, except that the extinction of another service does not wake a
 * query whose answer stays empty.
 */
const WAKE_UPS: readonly [string, 'put' | 'delete', string, unknown, boolean][] = [
  ['health/service/api', 'put', 'agent/service/register', instance('other', 'o1'), false],
  ['health/service/none', 'put', 'agent/service/register', instance('other', 'o2'), false],
  ['health/service/none', 'put', 'agent/service/register', instance('none', 'n1'), true],
  ['health/service/none', 'put', 'agent/service/deregister/n1', undefined, true],
  ['health/service/absent', 'put', 'agent/service/deregister/o1', undefined, false],
  ['health/service/absent', 'put', 'agent/service/deregister/o2', undefined, false],
  ['health/service/web?passing', 'put', 'agent/check/fail/service:web-1', undefined, true],
  ['health/service/web?tag=zz', 'put', 'agent/check/pass/service:web-1', undefined, false],
  ['catalog/services', 'put', 'agent/check/warn/service:web-1', undefined, false],
  ['catalog/service/web', 'put', 'agent/check/pass/service:web-1', undefined, false],
  ['health/service/api', 'put', 'agent/check/fail/service:web-1', undefined, false],
  ['health/state/any', 'put', 'agent/check/pass/service:web-1', undefined, true],
  ['health/state/critical', 'put', 'agent/check/fail/service:web-1', undefined, true],
  ['health/checks/web', 'put', 'agent/check/pass/service:web-1', undefined, true],
  ['health/node/node1', 'put', 'agent/check/warn/service:web-1', undefined, true],
  ['catalog/node/node1', 'put', 'agent/check/pass/service:web-1', undefined, false],
  ['catalog/nodes', 'put', 'agent/check/fail/service:web-1', undefined, false],
  ['health/service/api', 'put', 'agent/maintenance?enable=true', undefined, true],
  ['health/service/api', 'put', 'agent/maintenance?enable=false', undefined, true],
  ['health/service/web', 'put', 'agent/check/fail/service:web-1?note=same', undefined, false],
  ['catalog/nodes', 'put', 'catalog/register', { Node: 'n2', Address: '1.1.1.1' }, true],
  ['catalog/nodes', 'put', 'catalog/register', { Node: 'n2', Address: '1.1.1.1', Service: { Service: 'ext' } }, false],
  ['health/service/ext', 'put', 'catalog/register', { Node: 'n2', Address: '2.2.2.2' }, true],
  ['catalog/services', 'put', 'catalog/register', { Node: 'n2', Address: '3.3.3.3' }, false],
  ['health/service/ext', 'put', 'catalog/deregister', { Node: 'n2' }, true],
  ['agent/service/api-1', 'put', 'agent/service/register', instance('api', 'api-1', { Port: 9 }), true],
  ['kv/foo', 'put', 'kv/foo', 'b', true],
  ['kv/foo', 'put', 'kv/foo', 'b', false],
  ['kv/foo', 'put', 'kv/other', 'x', false],
  ['kv/absent', 'put', 'kv/other', 'y', false],
  ['kv/absent', 'put', 'kv/absent', 'x', true],
  ['kv/absent', 'delete', 'kv/absent', undefined, true],
  ['kv/pre/?recurse', 'put', 'kv/outside', 'x', false],
  ['kv/pre/?recurse', 'put', 'kv/pre/a', 'x', true],
  ['kv/pre/?keys', 'put', 'kv/pre/a', 'y', true],
  ['kv/pre/?recurse', 'delete', 'kv/pre/a', undefined, true],
  ['kv/empty/?recurse', 'put', 'kv/outside', 'y', false],
]

test('a held query is woken by what it should be, and sleeps through the rest', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('web', 'web-1', { Tags: ['v1'] }))
  await registry.put('/v1/agent/service/register', instance('api', 'api-1'))
  await registry.put('/v1/kv/foo', 'a')
  await registry.put('/v1/kv/pre/x', 'a')
  for (const [query, method, path, body, woken] of WAKE_UPS) {
    const first = await registry.get(`/v1/${query}`)
    const since = first.headers.get('x-consul-contenthash')
    const join = query.includes('?') ? '&' : '?'
    const from = since === null ? `index=${first.index}` : `hash=${since}`
    const client = new AbortController()
    const held = registry.get(`/v1/${query}${join}${from}&wait=1m`, undefined, {}, client.signal)
    await heldQueries(registry, 1)
    assert.equal((await registry[method](`/v1/${path}`, body)).status, 200, path)
    assert.equal(await countHeld(registry), woken ? 0 : 1, `${query} after ${path}`)
    if (woken) {
      const answer = await held
      if (since === null) assert.ok(answer.index > first.index, `${query} after ${path}: the index goes up`)
    } else {
      client.abort()
      await assert.rejects(held)
      await heldQueries(registry, 0)
    }
  }
})

async function countHeld(registry: Awaited<ReturnType<typeof testRegistry>>): Promise<number> {
  const { text } = await registry.get('/metrics')
  return Number(/^skein_registry_blocking_queries (\d+)$/m.exec(text)![1])
}

/** Waits until the registry says that it holds so many queries. */
async function heldQueries(registry: Awaited<ReturnType<typeof testRegistry>>, count: number): Promise<void> {
  while ((await countHeld(registry)) !== count);
}

test('moving an ID to another name wakes the watchers of both names', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('old', 'x'))
  const before = await registry.get('/v1/health/service/old')
  const held = [
    registry.get(`/v1/health/service/old?index=${before.index}&wait=1m`),
    registry.get(`/v1/health/service/new?index=${before.index}&wait=1m`),
  ]
  await heldQueries(registry, 2)
  await registry.put('/v1/agent/service/register', instance('new', 'x'))
  const [gone, come] = await Promise.all(held)
  assert.deepEqual(gone!.json(), [])
  assert.ok(gone!.index > before.index)
  assert.equal((come!.json() as unknown[]).length, 1)
})

test('a service held by its hash that goes away is answered 404, and the write that removed it is acknowledged', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('web', 'x'))
  const { headers } = await registry.get('/v1/agent/service/x')
  const held = registry.get(`/v1/agent/service/x?hash=${headers.get('x-consul-contenthash')}&wait=1m`)
  await heldQueries(registry, 1)
  assert.equal((await registry.put('/v1/agent/service/deregister/x')).status, 200)
  const answer = await held
  assert.deepEqual([answer.status, answer.text], [404, 'unknown service ID: x'])
})
