import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckInput } from '../state/commands.ts'
import type { Status } from '../state/records.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { Store } from '../store.ts'
import { instance, testRegistry } from '../test-kit.fixture.ts'
import { startCheck } from './check.suite.ts'

const node = { Node: 'n1', ID: '', Address: '', TaggedAddresses: null, Meta: null }
const check = (CheckID: string, ServiceID: string, Status: Status): CheckInput => {
  const texts = { Name: CheckID, Notes: '', Output: `${CheckID} is ${Status}`, Type: '', Interval: '', Timeout: '' }
  return { CheckID, ServiceID, Status, ...texts, Definition: {} }
}

async function followed(definition: { aliasService?: string; aliasNode?: string }) {
  const store = new Store(new MemoryStorage())
  await store.open()
  const { clock, results, running } = startCheck('alias', definition, 0.5, store)
  const register = (...checks: CheckInput[]) =>
    store.write({ type: 'register', node, skipNodeUpdate: true, checks, keepStatus: false, replaceChecks: false })
  const last = () => {
    clock.advance(0)
    return results.at(-1)
  }
  return { store, clock, results, running, register, last }
}

const service = {
  ...{ ID: 's1', Service: 'web', Tags: [], Address: '', Meta: null, Port: 1 },
  ...{ Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false },
}

test('alias: follows its service from before it is registered until it is gone, without asking', async () => {
  const { store, register, last, running, results } = await followed({ aliasService: 's1' })
  const absent = { status: 'critical', output: 'Service s1 could not be found on node n1' }
  assert.deepEqual(last(), absent)
  const flags = { skipNodeUpdate: true, checks: [], keepStatus: false, replaceChecks: false }
  await store.write({ type: 'register', node, service, ...flags })
  assert.deepEqual(last(), { status: 'passing', output: 'No checks found.' })
  await register(check('c1', 's1', 'passing'), check('c2', 's1', 'warning'))
  assert.deepEqual(last(), { status: 'warning', output: 'Aliased check "c2" failing: c2 is warning' })
  await register(check('c1', 's1', 'critical'))
  assert.equal(last()?.status, 'critical')
  await register(check('c1', 's1', 'passing'), check('c2', 's1', 'passing'))
  assert.deepEqual(last(), { status: 'passing', output: 'All checks passing.' })
  await register(check('n', '', 'critical'))
  assert.equal(last()?.status, 'critical', 'the node counts too')
  const { length } = results
  await store.write({ type: 'register', node, service: { ...service, ID: 's2', Service: 'other' }, ...flags })
  last()
  assert.equal(results.length, length, 'what happens elsewhere is not looked at')
  await store.write({ type: 'deregister', node: 'n1', serviceId: 's1' })
  assert.deepEqual(last(), absent)
  running.stop()
})

test('alias: of a node looks at the checks of the node only', async () => {
  const { register, last, running } = await followed({ aliasNode: 'n1' })
  assert.equal(last()?.output, 'Node n1 could not be found')
  await register(check('n', '', 'passing'))
  assert.equal(last()?.status, 'passing')
  await register(check('n', '', 'warning'))
  assert.equal(last()?.status, 'warning')
  running.stop()
})

test('alias: over the API, on its own service too, where it does not hold itself up', async () => {
  await using registry = await testRegistry()
  await registry.put('/v1/agent/service/register', instance('db', 'db1'))
  const aliases = [
    { CheckID: 'of-db', AliasService: 'db1' },
    { CheckID: 'own', AliasService: 'web1' },
  ]
  const web = { Name: 'web', ID: 'web1', Checks: aliases.map((alias) => ({ ...alias, Status: 'passing' })) }
  assert.equal((await registry.put('/v1/agent/service/register', web)).status, 200)
  const until = async (status: string) => {
    for (let index = 0; ; ) {
      const reply = await registry.get(`/v1/health/checks/web?index=${index}`)
      const checks = reply.json() as { Status: string; Type: string }[]
      if (checks.every((one) => one.Status === status && one.Type === 'alias')) return
      index = reply.index
    }
  }
  await registry.put('/v1/agent/check/fail/service:db1')
  await until('critical')
  await registry.put('/v1/agent/check/pass/service:db1')
  await until('passing')
})

test('checks of hosts that are off limits, and addresses that are none, are refused for each kind', async () => {
  await using registry = await testRegistry()
  for (const field of ['TCP', 'UDP', 'GRPC', 'H2PING']) {
    for (const address of ['169.254.169.254:80', 'http://127.0.0.1:80', '127.0.0.1', '127.0.0.1:99999', 'u@h:1']) {
      const reply = await registry.put('/v1/agent/check/register', { Name: 'c', Interval: '1s', [field]: address })
      assert.equal(reply.status, 400, `${field} ${address}`)
    }
    const fine = { Name: 'c', Interval: '1h', [field]: '[::1]:80' }
    assert.equal((await registry.put('/v1/agent/check/register', fine)).status, 200, field)
  }
  const polled = await registry.put('/v1/agent/check/register', { Name: 'c', AliasService: 'x', Interval: '1s' })
  assert.equal(polled.text, 'Invalid check: Interval cannot be set for Alias checks')
})
