import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import { VirtualClock } from '../../../core/clock.ts'
import type { Entry } from '../../history/contract.ts'
import { instance, testRegistry } from '../../test-kit.fixture.ts'

type Kit = Awaited<ReturnType<typeof testRegistry>>

/** Holds a lease; the first line that comes is told, and `end` is called with it. */
async function hold(url: string, query: string): Promise<{ told: unknown; break: () => void }> {
  const asked = request(`${url}/v1/skein/lease?${query}`, { agent: false })
  asked.on('error', () => {}) // it is broken off on purpose
  asked.end()
  const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream]
  response.on('error', () => {})
  const [line] = (await once(response, 'data')) as [Buffer]
  response.resume()
  return { told: JSON.parse(String(line)), break: () => asked.destroy() }
}

async function passing(registry: Kit, index = 0) {
  const reply = await registry.get(`/v1/health/service/web?passing&index=${index}`)
  const entries = reply.json() as { Service: { ID: string } }[]
  return { index: reply.index, ids: entries.map(({ Service }) => Service.ID).sort() }
}

test('an instance whose lease breaks is out at once, and back with its next beat', async () => {
  await using registry = await testRegistry()
  for (const id of ['web1', 'web2']) await registry.put('/v1/agent/service/register', instance('web', id))
  const lease = await hold(registry.url, 'instance=web1')
  assert.deepEqual(lease.told, { Held: ['service:web1'] })
  const before = await passing(registry)
  assert.deepEqual(before.ids, ['web1', 'web2'])
  const waiting = passing(registry, before.index)
  lease.break()
  assert.deepEqual((await waiting).ids, ['web2'])
  const [last] = ((await registry.get('/v1/skein/history?service=web')).json() as Entry[]).slice(-1)
  assert.deepEqual(
    [last?.ServiceID, last?.To, last?.Cause, last?.Detail],
    ['web1', 'critical', 'lease', 'the connection that the instance held has ended'],
  )
  await registry.put('/v1/agent/check/pass/service:web1')
  assert.deepEqual((await passing(registry)).ids, ['web1', 'web2'])
})

test('one that deregistered before is not missed; of several TTL checks one may be named', async () => {
  await using registry = await testRegistry()
  const checks = ['beat', 'other'].map((CheckID) => ({ CheckID, Name: CheckID, TTL: '10m', Status: 'passing' }))
  const body = { Name: 'web', ID: 'web1', Checks: checks }
  await registry.put('/v1/agent/service/register', body)
  const all = await hold(registry.url, 'instance=web1')
  assert.deepEqual(all.told, { Held: ['beat', 'other'] })
  const one = await hold(registry.url, 'instance=web1&check=beat')
  assert.deepEqual(one.told, { Held: ['beat'] })
  await registry.put('/v1/agent/service/deregister/web1')
  all.break()
  one.break()
  await registry.put('/v1/agent/service/register', instance('web', 'web2'))
  assert.deepEqual((await passing(registry)).ids, ['web2'])
})

test('what cannot be held is refused', async () => {
  await using registry = await testRegistry()
  const status = async (query: string) => (await registry.get(`/v1/skein/lease?${query}`)).status
  await registry.put('/v1/agent/service/register', { Name: 'bare' })
  await registry.put('/v1/agent/service/register', instance('web', 'web1'))
  assert.deepEqual([await status(''), await status('instance=gone'), await status('instance=bare')], [400, 404, 400])
  assert.equal(await status('instance=web1&check=other'), 400)
})

test('a registry that ends lets go of its leases, and does not wait until it cuts connections', async () => {
  // By this clock that never comes.
  const registry = await testRegistry({ clock: new VirtualClock() })
  await registry.put('/v1/agent/service/register', instance('web', 'web1'))
  await hold(registry.url, 'instance=web1')
  await registry.close()
})
