/** npm's `consul` client against the running registry: what it sends and needs, nobody can make up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Consul from 'consul'
import { testRegistry } from './test-kit.fixture.ts'

type Client = InstanceType<typeof Consul>

async function withClient(run: (consul: Client) => Promise<void>) {
  await using registry = await testRegistry()
  await run(new Consul({ host: '127.0.0.1', port: registry.port }))
}

test('npm consul: register, beat, find, deregister', () =>
  withClient(async (consul) => {
    await consul.agent.service.register({
      name: 'nc',
      id: 'nc-1',
      tags: ['a'],
      meta: { k: 'v' },
      port: 80,
      check: { ttl: '10s', deregistercriticalserviceafter: '1m' },
    } as never)
    assert.deepEqual(await consul.health.service({ service: 'nc', passing: true }), [])
    await consul.agent.check.pass({ id: 'service:nc-1', note: 'hi' })
    const found = (await consul.health.service({ service: 'nc', passing: true })) as { Service: { ID: string } }[]
    assert.deepEqual(
      found.map(({ Service }) => Service.ID),
      ['nc-1'],
    )
    assert.deepEqual(await consul.catalog.services(), { consul: [], nc: ['a'] })
    await consul.agent.service.maintenance({ id: 'nc-1', enable: true, reason: 'why' })
    assert.deepEqual(await consul.health.service({ service: 'nc', passing: true }), [])
    await consul.agent.service.deregister('nc-1')
    assert.deepEqual(Object.keys((await consul.agent.services()) as object), [])
    assert.equal(await consul.status.leader(), '127.0.0.1:8300')
  }))

test('npm consul: keys', () =>
  withClient(async (consul) => {
    assert.equal(await consul.kv.set('a b/ü', 'v'), true)
    const pair = (await consul.kv.get('a b/ü')) as { Value: string; ModifyIndex: number }
    assert.equal(pair.Value, 'v')
    assert.ok((await consul.kv.set({ key: 'a b/ü', value: 'w', cas: 1 } as never)) !== true)
    assert.equal(await consul.kv.set({ key: 'a b/ü', value: 'w', cas: pair.ModifyIndex } as never), true)
    assert.deepEqual(await consul.kv.keys('a'), ['a b/ü'])
    assert.equal(await consul.kv.get('none'), undefined)
    await consul.kv.del({ key: 'a', recurse: true })
    await assert.rejects(consul.kv.keys('a'), /not found/)
  }))

test('npm consul: a watch sees every state of a service, in order', () =>
  withClient(async (consul) => {
    const seen: number[] = []
    const next = Promise.withResolvers<void>()
    let changed = next
    const watch = consul.watch({ method: consul.health.service, options: { service: 'w', wait: '30s' } as never })
    watch.on('change', (found: unknown[]) => {
      seen.push(found.length)
      changed.resolve()
    })
    watch.on('error', (error: Error) => changed.reject(error))
    await changed.promise
    for (const step of ['w-1', 'w-2']) {
      changed = Promise.withResolvers<void>()
      await consul.agent.service.register({ name: 'w', id: step })
      await changed.promise
    }
    changed = Promise.withResolvers<void>()
    await consul.agent.service.deregister('w-1')
    await changed.promise
    watch.end()
    assert.deepEqual(seen, [0, 1, 2, 1])
  }))

test('npm consul: sessions and locks', () =>
  withClient(async (consul) => {
    const { ID } = (await consul.session.create({ name: 'mine', ttl: '10s', lockdelay: '1s' } as never)) as {
      ID: string
    }
    const lock = (session: string) => consul.kv.set({ key: 'lock', value: 'me', acquire: session } as never)
    assert.equal(await lock(ID), true)
    const pair = (await consul.kv.get('lock')) as unknown as { Session: string; LockIndex: number }
    assert.deepEqual([pair.Session, pair.LockIndex], [ID, 1])
    const other = (await consul.session.create()) as { ID: string }
    assert.notEqual(await lock(other.ID), true)
    const renewed = (await consul.session.renew(ID)) as { ID: string; TTL: string }[]
    assert.equal(renewed[0]!.TTL, '10s')
    assert.equal(((await consul.session.list()) as unknown[]).length, 2)
    assert.equal(((await consul.session.node('node1')) as unknown[]).length, 2)
    await consul.session.destroy(ID)
    assert.equal(await consul.session.get(ID), undefined)
    await assert.rejects(consul.session.renew(ID), /not found/)
    assert.equal(((await consul.kv.get('lock')) as { Session?: string }).Session, undefined)
  }))

test('npm consul: transactions', () =>
  withClient(async (consul) => {
    const set = (Key: string, Value: string, more: object = {}) => ({ KV: { Verb: 'set', Key, Value, ...more } })
    const { Results } = (await consul.transaction.create([
      set('t/a', Buffer.from('x').toString('base64')),
      set('t/b', ''),
      { KV: { Verb: 'get', Key: 't/a' } },
    ] as never)) as unknown as { Results: { KV: { Key: string; ModifyIndex: number } }[] }
    assert.deepEqual(
      Results.map(({ KV }) => KV.Key),
      ['t/a', 't/b', 't/a'],
    )
    assert.equal(new Set(Results.map(({ KV }) => KV.ModifyIndex)).size, 1)
    await assert.rejects(consul.transaction.create([{ KV: { Verb: 'get', Key: 'none' } }] as never), /409|conflict/i)
  }))

test('npm consul: events', () =>
  withClient(async (consul) => {
    const fired = (await consul.event.fire('deploy', '53')) as unknown as { ID: string }
    const listed = (await consul.event.list('deploy')) as unknown as { ID: string; Payload: string }[]
    assert.deepEqual(
      listed.map(({ ID, Payload }) => [ID, Payload]),
      [[fired.ID, '53']],
    )
  }))

test('npm consul: prepared queries', () =>
  withClient(async (consul) => {
    const { ID } = (await consul.query.create({ name: 'best', service: { service: 'consul' } } as never)) as {
      ID: string
    }
    await consul.query.update({ query: ID, name: 'better', service: { service: 'consul', onlypassing: true } } as never)
    assert.deepEqual(
      ((await consul.query.list()) as unknown as { Name: string }[]).map(({ Name }) => Name),
      ['better'],
    )
    const { Nodes } = (await consul.query.execute('better')) as unknown as { Nodes: { Node: { Node: string } }[] }
    assert.deepEqual(
      Nodes.map(({ Node }) => Node.Node),
      ['node1'],
    )
    await (consul.query as unknown as { destroy(id: string): Promise<void> }).destroy(ID)
    await assert.rejects(consul.query.get(ID), /not found/)
  }))
