/** Writes that meet: in one batch, with those of another registry, and with what is asked there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { because } from '../../history/origin.ts'
import type { QueryBody } from '../../state/records.ts'
import { type Node, Simulation } from './simulation.fixture.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 7)
const setting = (key: string) => ({ type: 'kv-set', key, value: '', flags: '0' }) as const

test('a write that the view cannot take fails alone: those with it and behind it go on', {
  timeout: 30_000,
}, async () => {
  const simulation = new Simulation(SEED)
  const { store } = await simulation.addNode()
  const { apply } = store
  store.apply = (changes, index, isOwn) => {
    if (changes.some(({ key }) => key === 'bad')) throw new Error('no place for it')
    return apply.call(store, changes, index, isOwn)
  }
  const writes = ['a', 'bad', 'c'].map((key) => store.write(setting(key)))
  const outcomes = await simulation.until(Promise.allSettled(writes), 60_000)
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  await simulation.until(store.write(setting('d')), 60_000)
  assert.deepEqual([...store.state.kv.keys()], ['a', 'c', 'd'])
  await simulation.close()
})

test(`of two registries that do the same at once, only the one that did it says who asked it to (SKEIN_SEED=${SEED})`, async () => {
  const simulation = new Simulation(SEED)
  const stores = [(await simulation.addNode()).store, (await simulation.addNode()).store]
  const write = (key: string) =>
    stores.map((store, i) => because({ Cause: 'api', Actor: `10.0.0.${i}` }, () => store.write(setting(key))))
  const keys = Array.from({ length: 10 }, (_, i) => `skein/${i}`)
  for (const key of keys) await simulation.until(Promise.all(write(key)))
  await simulation.pass(100)
  const causes = stores.map(({ history }) => history.list({ last: 100 }).map(({ Cause }) => Cause))
  for (const [i, key] of keys.entries())
    assert.deepEqual([causes[0]![i], causes[1]![i]].sort(), ['api', 'unknown'], key)
  for (const { history } of stores) assert.equal(history.list({ last: 100 }).length, keys.length)
  await simulation.close()
})

test('a write that changes nothing, as far as its registry knows, undoes what another one wrote since', async () => {
  const simulation = new Simulation(SEED)
  const [here, there] = [await simulation.addNode(), await simulation.addNode()]
  const { store } = here
  const setTo = ({ store }: Node, value: string) => simulation.until(store.write({ ...setting('k'), value }))
  await setTo(here, 'eA==')
  await simulation.pass(100)
  here.etcd.lagMs = 500
  await setTo(there, 'eQ==')
  assert.equal(await setTo(here, 'eA=='), true)
  assert.equal(store.state.kv.get('k')?.Value, 'eA==')
  await simulation.until(there.store.write(setting('new')))
  await simulation.until(store.write({ type: 'kv-delete', key: 'new', recurse: false }))
  await simulation.pass(2000)
  assert.deepEqual(
    [...there.store.state.kv.values()].map(({ Key, Value }) => Key + Value),
    ['keA=='],
  )
  here.etcd.cut = true
  await assert.rejects(setTo(here, 'eA=='), { code: 'STORAGE_FAILED', message: /^No cluster leader/ })
  here.etcd.cut = false
  await simulation.pass(2000)
  await setTo(here, 'eA==')
  await simulation.close()
})

test('what one registry has acknowledged is known to the other that is asked next', async () => {
  const simulation = new Simulation(SEED)
  const [here, there] = [await simulation.addNode(), await simulation.addNode()]
  there.etcd.lagMs = 500
  const node = { Node: 'skein', ID: '', Address: '127.0.0.1', TaggedAddresses: null, Meta: null }
  const rest = { skipNodeUpdate: false, checks: [], keepStatus: true, replaceChecks: false }
  await simulation.until(here.store.write({ type: 'register', node, ...rest }))
  await simulation.pass(1000)

  const reads = ['agent/service/{}', 'agent/health/service/id/{}', 'agent/health/service/name/{}', 'agent/services']
  for (const [i, path] of [...reads, 'agent/checks', 'skein/history'].entries()) {
    const id = `web-${i}`
    await simulation.until(here.put('/v1/agent/service/register', { Name: id, Check: { TTL: '10m' } }))
    const { body } = await simulation.until(there.ask(`/v1/${path.replace('{}', id)}`))
    assert.match(body, new RegExp(`ID":"${id}"`), path)
  }
  await simulation.until(here.put('/v1/agent/service/register', { Name: 'api' }))
  const check = { Name: 'c', ServiceID: 'api', TTL: '10s' }
  assert.equal(await simulation.until(there.put('/v1/agent/check/register', check)), 200)

  assert.equal(await simulation.until(here.put('/v1/acl/policy', { Name: 'p' })), 200)
  assert.equal(await simulation.until(there.put('/v1/acl/role', { Name: 'r', Policies: [{ Name: 'p' }] })), 200)
  assert.equal(await simulation.until(here.put('/v1/acl/token', { Roles: [{ Name: 'r' }] })), 200)

  const query = { Name: 'q', Session: '', DNS: { TTL: '' }, Service: { Service: 'api' } }
  const ID = '11111111-2222-3333-4444-555555555555'
  await simulation.until(here.store.write({ type: 'query-set', isNew: true, query: { ID, ...query } as QueryBody }))
  assert.match((await simulation.until(there.ask(`/v1/query/${ID}`))).body, /"Name":"q"/)
  await simulation.close()
})
