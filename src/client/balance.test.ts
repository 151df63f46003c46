/** What a caller's `balance` can say beyond a policy's name, over real connections. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import type { OwnPolicy } from '../balance/balance-config.ts'
import type { Caller, CallPolicy } from './contract.ts'
import { get, ok, scene, text } from './kit.suite.ts'

async function send(caller: Caller, balance: CallPolicy['balance'], times: number): Promise<void> {
  for (let i = 0; i < times; i++) await text((await caller.request(get({ policy: { balance } }))).body)
}

test('a subset by the registry’s metadata follows the registry, and says so when nobody is in it', async (t) => {
  const { caller, order, source, live } = await scene(t, [ok, ok, ok], { each: (i) => ({ meta: { version: `${i}` } }) })
  const balance = { subset: { version: '1' } }
  await send(caller, balance, 5)
  assert.deepEqual(new Set(order), new Set(['u2']))
  source.set([{ ...live[2]!.instance, meta: { version: '1' } }])
  await send(caller, balance, 1)
  assert.equal(order.at(-1), 'u3')
  source.set([live[0]!.instance, { ...live[2]!.instance, meta: { version: '2' } }])
  await assert.rejects(send(caller, balance, 1), /service "users": none of 2 instances is one that "balance" allows/)
})

test('a zone is left only when its instance is gone', async (t) => {
  const { caller, order, live } = await scene(t, [ok, ok], { each: (i) => ({ meta: { zone: 'ab'[i]! } }) })
  const balance = { policy: 'round-robin', zone: { own: 'a', minInstances: 2 } } as const
  await send(caller, balance, 6)
  assert.deepEqual(new Set(order), new Set(['u1']))
  await live[0]!.kill()
  await send(caller, balance, 3)
  assert.deepEqual(new Set(order.slice(6)), new Set(['u2']))
})

test('a function chooses, and two functions of one name are two', async (t) => {
  const { caller, order } = await scene(t, [ok, ok])
  const at = (index: number): OwnPolicy => {
    const choose: OwnPolicy = (list) => list[index]
    return choose
  }
  await send(caller, at(0), 2)
  await send(caller, { policy: at(1), panic: 10 }, 2)
  assert.deepEqual(order, ['u1', 'u1', 'u2', 'u2'])
})

test('instances that say how busy they are get requests accordingly', async (t) => {
  const saying =
    (used: number): RequestListener =>
    (request, response) => {
      response.setHeader('endpoint-load-metrics', `TEXT application_utilization=${used}`)
      ok(request, response)
    }
  const { caller, order } = await scene(t, [saying(0.9), saying(0.2)])
  await send(caller, { policy: 'least-request', load: 'utilisation' }, 20)
  assert.deepEqual(new Set(order.slice(4)), new Set(['u2']))
})
