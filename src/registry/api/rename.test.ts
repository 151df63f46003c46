import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instance, testRegistry } from '../test-kit.fixture.ts'

test('an ID that gets another name takes its checks along, though no check changes', async () => {
  await using registry = await testRegistry()
  const checksOf = async (name: string) => ((await registry.get(`/v1/health/checks/${name}`)).json() as object[]).length
  await registry.put('/v1/agent/service/register', instance('web', 'i1'))
  assert.deepEqual([await checksOf('web'), await checksOf('api')], [1, 0])
  await registry.put('/v1/agent/service/register', { Name: 'api', ID: 'i1', Port: 80 })
  assert.deepEqual([await checksOf('web'), await checksOf('api')], [0, 1])
})

test('the registry’s own node keeps its name, whoever registers another one with its ID', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('web', 'i1'))
  const nodes = async () => (await registry.get('/v1/catalog/nodes')).json() as { ID: string; Node: string }[]
  const [own] = await nodes()
  const taking = { Node: 'n2', Address: '127.0.0.2', ID: own!.ID }
  const { status, text } = await registry.put('/v1/catalog/register', taking)
  assert.equal(status, 500)
  assert.match(text, /is that of the registry's own node "node1"; give "n2" another one/)
  const inTxn = await registry.put('/v1/txn', [{ Node: { Verb: 'set', Node: taking } }])
  assert.deepEqual([inTxn.status, /the registry's own node/.test(inTxn.text)], [409, true])
  // Nor by a node that is there already.
  await registry.put('/v1/catalog/register', { ...taking, ID: '' })
  assert.equal((await registry.put('/v1/catalog/register', taking)).status, 500)
  assert.deepEqual(
    (await nodes()).map(({ Node }) => Node),
    ['n2', 'node1'],
  )
  assert.deepEqual(Object.keys((await registry.get('/v1/agent/services')).json() as object), ['i1'])
})
