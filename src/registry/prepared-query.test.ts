import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findQuery, ttlOf } from './prepared-query.ts'
import { applyChanges } from './state/apply.ts'
import { carryOut } from './state/carry-out.fixture.ts'
import { decide } from './state/decide.ts'
import type { QueryBody } from './state/records.ts'
import { State } from './state/state.ts'
import { testRegistry } from './test-kit.fixture.ts'

const query = (ID: string, Name: string): QueryBody => ({
  ...{ ID, Name, Session: '', DNS: { TTL: '90s' } },
  Service: {
    ...{ Service: 'web', Failover: { NearestN: 0, Datacenters: null }, OnlyPassing: false, IgnoreCheckIDs: null },
    ...{ Near: '', Tags: null, NodeMeta: null, ServiceMeta: null, Connect: false },
  },
})

test('a name is free again when its query is renamed or gone, and taken back when that is undone', () => {
  const state = new State()
  carryOut(state, { type: 'query-set', query: query('1', 'Web'), isNew: true }, 1)
  assert.equal(findQuery(state, 'wEB')?.ID, '1')
  assert.throws(() => decide(state, { type: 'query-set', query: query('2', 'WEB'), isNew: true }), /aliases/)
  const renaming = decide(state, { type: 'query-set', query: query('1', 'other'), isNew: false })
  const { undo } = applyChanges(state, renaming.changes, 2)
  assert.equal(findQuery(state, 'web'), undefined)
  undo()
  assert.equal(findQuery(state, 'web')?.ID, '1')
  carryOut(state, { type: 'query-delete', id: '1' }, 2)
  carryOut(state, { type: 'query-set', query: query('2', 'web'), isNew: true }, 3)
  assert.equal(findQuery(state, 'web')?.ID, '2')
  assert.equal(ttlOf(findQuery(state, '2')!), 90)
})

test('results are in an order of chance, the near node first', async () => {
  const numbers = [0, 0.4, 0.8, 0.1]
  let next = 0
  await using registry = await testRegistry({ random: () => numbers[next++ % numbers.length]! })
  for (const i of [1, 2, 3, 4]) {
    await registry.put('/v1/catalog/register', { Node: `n${i}`, Address: '127.0.0.1', Service: { Service: 'web' } })
  }
  const { ID } = (await registry.post('/v1/query', { Name: 'q', Service: { Service: 'web' } })).json() as { ID: string }
  const nodes = async (parameters = '') => {
    const { Nodes } = (await registry.get(`/v1/query/${ID}/execute${parameters}`)).json() as {
      Nodes: { Node: { Node: string } }[]
    }
    return Nodes.map(({ Node }) => Node.Node)
  }
  const orders = new Set<string>()
  for (let i = 0; i < 8; i++) orders.add((await nodes()).join())
  assert.ok(orders.size > 1)
  assert.deepEqual((await nodes()).sort(), ['n1', 'n2', 'n3', 'n4'])
  assert.deepEqual(await nodes('?near=n3&limit=1'), ['n3'])
})
