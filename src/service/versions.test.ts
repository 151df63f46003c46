/** Two versions of a service side by side, as during a rolling deploy, with registry, discovery and balancer as in production. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as z from 'zod'
import { withRegistry } from '../../test/support/running-registry.ts'
import { createCaller } from '../client/caller.ts'
import type { Caller } from '../client/contract.ts'
import { callOperation } from '../client/typed.ts'
import { contractKey, type ServiceContract, versionKey } from '../core/contract.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import type { Source } from '../discovery/contract.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { type RunningRegistry, startRegistry } from '../registry/index.ts'
import { op, service } from './define.ts'
import { type Started, start } from './harness.suite.ts'
import { publishContract } from './publish.ts'

const input = z.object({ id: z.string() })
const answer = (version: number) => (asked: { id: string }) => ({ version, ...asked })

/** `get` has moved and takes a body now, `old` has gone, `fresh` is new. */
const one = service('users', {
  get: op({ route: 'GET /user/:id', in: input }, answer(1)),
  old: op({ route: 'GET /old/:id', in: input }, answer(1)),
})
const two = service('users', {
  get: op({ route: 'POST /people', in: input, idempotent: true }, answer(2)),
  fresh: op({ route: 'GET /fresh/:id', in: input }, answer(2)),
})
const [first, second] = [one, two].map((version) => version['~app'].contract!) as [ServiceContract, ServiceContract]

describe('two versions side by side', () => {
  let registry: RunningRegistry
  let consul: ConsulClient
  let source: Source
  let caller: Caller
  let running: Started[]
  before(async () => {
    registry = await startRegistry({ port: 0 })
    consul = new ConsulClient({ address: registry.url })
    source = consulSource({ client: consul })
    caller = createCaller({ source, defaults: { balance: 'round-robin' } })
    running = []
    for (const [version, instance] of [[one, 'users-1'] as const, [two, 'users-2'] as const]) {
      running.push(await start(version, { registry: registry.url, instance, drainDelayMs: 0 }))
    }
  })
  after(async () => {
    for (const it of running) await it.close()
    await caller.close()
    await source.close()
    await consul.close()
    await registry.close()
  })

  const call = async (operation: string) =>
    (await callOperation('users', operation, { id: '7' }, { caller, consul })) as { version: number; id: string }
  const calls = (operation: string) => Promise.all(Array.from({ length: 10 }, () => call(operation)))

  test('a call reaches both, each in the form of its own contract', async () => {
    const answers = await calls('get')
    assert.deepEqual(new Set(answers.map(({ version }) => version)), new Set([1, 2]))
    assert.ok(answers.every(({ id }) => id === '7'))
  })

  test('an operation of one version only is asked of that version, whichever is the current one', async () => {
    assert.deepEqual(new Set((await calls('fresh')).map(({ version }) => version)), new Set([2]))
    assert.deepEqual(new Set((await calls('old')).map(({ version }) => version)), new Set([1]))
  })

  test('what no version has is refused with what there is', async () => {
    await assert.rejects(call('none'), { code: 'UNKNOWN_OPERATION' })
  })

  test('when the only version that had it has gone, the others say so', async () => {
    await running.shift()!.close()
    const source = await start(two, { registry: registry.url, instance: 'users-3', drainDelayMs: 0 })
    running.push(source)
    await assert.rejects(call('old'), { code: 'UNKNOWN_OPERATION' })
  })
})

describe('the current contract', () => {
  let consul: ConsulClient
  withRegistry((client) => {
    consul = client
  })
  const current = async () => JSON.parse((await consul.kvGet(contractKey('users')))!.value) as ServiceContract

  const register = (ID: string, { hash }: ServiceContract) =>
    consul.put('/v1/agent/service/register', { ID, Name: 'users', Port: 1, Meta: { contract: hash } })

  test('is that of the instance started last; an older one that registers again takes nothing back', async () => {
    await register('users-1', first)
    await register('users-2', second)
    await publishContract(consul, { contract: first, since: 100 })
    await publishContract(consul, { contract: second, since: 200 })
    await publishContract(consul, { contract: first, since: 100 })
    assert.equal((await current()).hash, second.hash)
    // A deploy that goes back is a later start too.
    await publishContract(consul, { contract: first, since: 300 })
    assert.equal((await current()).hash, first.hash)
    const { modifyIndex } = (await consul.kvGet(contractKey('users')))!
    await publishContract(consul, { contract: first, since: 300 })
    assert.equal((await consul.kvGet(contractKey('users')))!.modifyIndex, modifyIndex, 'nothing new, nothing written')
    for (const { hash } of [first, second]) assert.ok(await consul.kvGet(versionKey('users', hash)))
  })

  test('a version that no instance serves any more is forgotten with the next deploy', async () => {
    const past = { ...first, hash: '0000000000000000' }
    await publishContract(consul, { contract: past, since: 400 })
    assert.ok(await consul.kvGet(versionKey('users', past.hash)))
    await publishContract(consul, { contract: second, since: 500 })
    assert.equal(await consul.kvGet(versionKey('users', past.hash)), undefined)
    for (const { hash } of [first, second]) assert.ok(await consul.kvGet(versionKey('users', hash)))
  })

  test('two that publish at the same time end with the later one', async () => {
    for (let since = 1000; since < 1040; since += 2) {
      await Promise.all([
        publishContract(consul, { contract: first, since }),
        publishContract(consul, { contract: second, since: since + 1 }),
      ])
      assert.equal((await current()).hash, second.hash)
    }
  })

  test('what is no contract gives way', async () => {
    await consul.kvPut(contractKey('users'), 'nonsense')
    await publishContract(consul, { contract: first, since: 1 })
    assert.equal((await current()).hash, first.hash)
  })
})
