/** Rate limits, seen from outside. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import type { RouteConfig, RouteRules } from './contract.ts'
import { echoBench, httpUpstream, instance, workbench } from './workbench.suite.ts'

async function limited(t: TestContext, rateLimit: RouteRules['rateLimit'], more: Partial<RouteConfig> = {}) {
  const { port } = await httpUpstream(t, (_, response) => response.setHeader('ratelimit', '"theirs";r=1').end('ok'))
  const clock = new VirtualClock()
  const bench = await workbench(t, {
    instances: [instance(port)],
    config: { trustedProxies: ['127.0.0.1'], defaults: { rateLimit: { requests: 1, seconds: 60 } } },
    routes: [{ to: 'users', ...(rateLimit === undefined ? {} : { rateLimit }), ...more }],
    clock,
  })
  const ask = (headers: Record<string, string> = {}, path = '/') => fetch(bench.url + path, { headers })
  const statuses = async (count: number, headers: Record<string, string> = {}) => {
    const seen: number[] = []
    for (let i = 0; i < count; i++) seen.push((await ask(headers)).status)
    return seen
  }
  return { ...bench, clock, ask, statuses }
}

test('what is above the limit is 429, and tells when the next is let through', async (t) => {
  const { ask, clock, line } = await limited(t, { requests: 2, seconds: 20, name: 'client' })
  const first = await ask()
  assert.equal(first.status, 200)
  assert.equal(first.headers.get('ratelimit-policy'), '"client";q=2;w=20')
  assert.equal(first.headers.get('ratelimit'), '"client";r=1;t=10', "the gateway's, not the upstream's")
  await ask()
  const third = await ask()
  assert.equal(third.status, 429)
  assert.equal(third.headers.get('retry-after'), '10')
  assert.equal(third.headers.get('ratelimit'), '"client";r=0;t=20')
  assert.equal(third.headers.get('x-skein-error'), 'RATE_LIMITED')
  assert.equal((await line(3))['reason'], 'rate_limited')
  clock.advance(10_000)
  assert.equal((await ask()).status, 200)
})

test('a burst may be smaller than the limit', async (t) => {
  const { statuses } = await limited(t, { requests: 100, seconds: 100, burst: 2 })
  assert.deepEqual(await statuses(3), [200, 200, 429])
})

test('the default holds where the route says nothing, and not where it says false', async (t) => {
  const { statuses } = await limited(t, undefined)
  assert.deepEqual(await statuses(2), [200, 429])
  const off = await limited(t, false)
  assert.deepEqual(await off.statuses(3), [200, 200, 200])
})

test('by address: each client has its own, an IPv6 client by its /64', async (t) => {
  const { statuses } = await limited(t, undefined)
  const from = (ip: string) => statuses(1, { 'x-forwarded-for': ip })
  assert.deepEqual(await from('1.2.3.4'), [200])
  assert.deepEqual(await from('1.2.3.5'), [200])
  assert.deepEqual(await from('1.2.3.4'), [429])
  assert.deepEqual(await from('2001:db8::1'), [200])
  assert.deepEqual(await from('2001:db8::ffff:1'), [429])
})

test('by header: each value has its own; without it the address counts', async (t) => {
  const { statuses } = await limited(t, { requests: 1, seconds: 60, by: 'header:x-key' })
  assert.deepEqual(await statuses(2, { 'x-key': 'a' }), [200, 429])
  assert.deepEqual(await statuses(1, { 'x-key': 'b'.repeat(5000) }), [200])
  assert.deepEqual(await statuses(2), [200, 429])
  assert.deepEqual(await statuses(1, { 'x-key': '127.0.0.1' }), [200], 'a header is no address')
})

test('by route: all together', async (t) => {
  const { statuses } = await limited(t, { requests: 2, seconds: 60, by: 'route' })
  assert.deepEqual(await statuses(2, { 'x-forwarded-for': '1.1.1.1' }), [200, 200])
  assert.deepEqual(await statuses(1, { 'x-forwarded-for': '2.2.2.2' }), [429])
})

test('of several limits the strictest decides, and all are told', async (t) => {
  const { ask } = await limited(t, [
    { requests: 1, seconds: 5, name: 'client' },
    { requests: 100, seconds: 60, by: 'route', name: 'all' },
  ])
  const first = await ask()
  assert.equal(first.headers.get('ratelimit-policy'), '"client";q=1;w=5, "all";q=100;w=60')
  assert.equal(first.headers.get('ratelimit'), '"client";r=0;t=5, "all";r=99;t=1')
  assert.equal((await ask()).headers.get('retry-after'), '5')
})

test('a reload that leaves a limit as it was forgives nothing; a changed one begins anew', async (t) => {
  const { gateway, statuses } = await limited(t, { requests: 1, seconds: 60 })
  assert.deepEqual(await statuses(2), [200, 429])
  const config = (requests: number) => ({
    port: 0,
    routes: [
      { path: '/other', to: 'users' },
      { to: 'users', rateLimit: { requests, seconds: 60 } },
    ],
  })
  gateway.reload(config(1))
  assert.deepEqual(await statuses(1), [429])
  gateway.reload(config(2))
  assert.deepEqual(await statuses(3), [200, 200, 429])
})

test('who is refused by one limit takes nothing of the others', async (t) => {
  const rateLimit = [
    { name: 'client', requests: 1, seconds: 60, by: 'header:x-user' as const },
    { name: 'all', requests: 5, seconds: 60, by: 'route' as const },
  ]
  const { ask } = await echoBench(t, { rateLimit }, { clock: new VirtualClock(0) })
  const statusOf = async (user: string) => (await ask('/', { headers: { 'x-user': user } })).status
  for (let i = 0; i < 10; i++) assert.equal(await statusOf('flood'), i === 0 ? 200 : 429)
  assert.equal(await statusOf('ann'), 200)
})
