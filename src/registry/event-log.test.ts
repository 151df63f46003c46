import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventLog, eventIndex } from './event-log.ts'
import { testRegistry } from './test-kit.fixture.ts'
import { WatchHub } from './watch-hub.ts'

const input = (Name: string) => ({ Name, Payload: null, NodeFilter: '', ServiceFilter: '', TagFilter: '' })

test('the last 256 events are kept, oldest first', () => {
  const log = new EventLog(new WatchHub())
  for (let i = 0; i < 300; i++) log.fire(input(`e${i}`), i !== 299)
  const names = log.list('').map(({ Name }) => Name)
  assert.deepEqual([names.length, names[0], names.at(-1)], [256, 'e43', 'e298'])
})

test('the index is made of the halves of the last ID', () => {
  const event = { ...input('a'), ID: '00000000-0000-0001-8000-000000000003', Version: 1, LTime: 2 } as const
  assert.equal(eventIndex([event]), 0x8000000000000002n)
  assert.equal(eventIndex([]), 1n)
})

test('whoever waits with the index of now is answered by the next event, with any other index at once', async () => {
  await using registry = await testRegistry()
  const list = (index: string) => registry.get(`/v1/event/list?wait=60s&index=${index}`)
  const indexOf = (reply: { headers: Headers }) => reply.headers.get('x-consul-index')!
  const held = list('1')
  while (!/^skein_registry_blocking_queries 1$/m.test((await registry.get('/metrics')).text));
  const fired = (await registry.put('/v1/event/fire/deploy', 'v2')).json() as { ID: string }
  const first = await held
  assert.equal((first.json() as { ID: string }[])[0]!.ID, fired.ID)
  assert.equal((await list('18446744073709551615')).text, first.text)
  const next = list(indexOf(first))
  while (!/^skein_registry_blocking_queries 1$/m.test((await registry.get('/metrics')).text));
  await registry.put('/v1/event/fire/deploy')
  assert.notEqual(indexOf(await next), indexOf(first))
})

test('agent/host tells of memory, processors and disk', async () => {
  await using registry = await testRegistry()
  const host = (await registry.get('/v1/agent/host')).json() as Record<
    'Memory' | 'Disk',
    { total: number; used: number }
  > & {
    CPU: unknown[]
    Host: { hostname: string }
  }
  for (const { total, used } of [host.Memory, host.Disk]) assert.ok(total > 0 && used >= 0 && used <= total)
  assert.ok(host.CPU.length > 0 && host.Host.hostname !== '')
})
