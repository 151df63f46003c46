/** What a caller's `balance` can say beyond a policy's name, over real connections. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import type { OwnPolicy } from '../balance/balance-config.ts'
import { WORDINGS_MAX } from './circuit.ts'
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

test('the process’s own zone is preferred where a `balance` says nothing of zones, but never for keys', async (t) => {
  const each = (i: number) => ({ meta: { zone: i < 3 ? 'a' : 'b' } })
  const { caller, order } = await scene(t, [ok, ok, ok, ok, ok, ok], { each, zone: 'a' })
  const local = new Set(['u1', 'u2', 'u3'])
  for (const balance of [undefined, 'round-robin', { priority: true }] as const) await send(caller, balance, 12)
  assert.deepEqual(new Set(order), local)
  await send(caller, { policy: 'round-robin', zone: false }, 6)
  assert.equal(new Set(order).size, 6)
  const before = order.length
  for (let i = 0; i < 20; i++) {
    const policy = { balance: { policy: 'hash', on: 'ip' } } as const
    await text((await caller.request(get({ policy, hashKey: `10.0.0.${i}` }))).body)
  }
  assert.ok(order.slice(before).some((id) => !local.has(id)))
  const why = (await caller.inspect('users')).map(({ reason }) => reason)
  assert.deepEqual(why, [undefined, undefined, undefined, 'outside zone a', 'outside zone a', 'outside zone a'])
})

test('whom the scopes leave out is said as long as it is true', async (t) => {
  const each = (i: number) => ({ meta: { tier: String(i), version: i === 2 ? '2' : '1' } })
  const { caller, live } = await scene(t, [ok, ok, ok], { each })
  const reasons = async (balance: CallPolicy['balance']) =>
    (await caller.inspect('users', { balance })).map(({ reason, eligible }) => (eligible ? 'in' : reason))
  const tiers = { priority: { key: 'tier' } }
  assert.deepEqual(await reasons(tiers), ['in', 'outside priority 0', 'outside priority 0'])
  assert.deepEqual(await reasons({ subset: { version: '2' } }), ['outside subset', 'outside subset', 'in'])
  assert.equal((await reasons({ aperture: { size: 1, client: 0 } })).filter((one) => one === 'in').length, 1)
  const both = { ...tiers, subset: { version: '1' } }
  assert.deepEqual(await reasons(both), ['in', 'outside priority 0', 'outside subset'])
  await live[0]!.kill()
  await send(caller, tiers, 2)
  const [dead, next] = await reasons(tiers)
  assert.match(dead!, /^ejected/)
  assert.equal(next, 'in')
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

test('a policy of its own for each call, without end: the newest keep where they are', async (t) => {
  const { caller, order } = await scene(t, [ok, ok])
  const turns = (unused: number) =>
    ({ policy: 'round-robin', subset: { v: String(unused) }, otherwise: 'any' }) as const
  for (let i = 0; i < 2 * WORDINGS_MAX; i++) await send(caller, turns(i), 1)
  order.length = 0
  for (let i = 0; i < 4; i++) await send(caller, turns(2 * WORDINGS_MAX - 1), 1)
  assert.deepEqual([order[0] === order[2], order[1] === order[3], order[0] === order[1]], [true, true, false])
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
