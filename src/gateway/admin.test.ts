import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../client/contract.ts'
import { SkeinError } from '../core/errors.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { startGateway } from './index.ts'
import { instance, rawRequest, workbench } from './workbench.suite.ts'

const ROUTES = [
  { name: 'user', path: '/user/:id', to: 'users', balance: 'least-request' },
  { name: 'shop', host: 'shop.com', to: 'shop' },
] as const

interface Explained {
  route: { name: string } | null
  why: string
  policy: { policy: string }
  candidates: { instance: { id: string }; eligible: boolean }[]
  guards: unknown[]
  others: { route: string; matches: boolean; why: string }[]
}

test('explain: route, reason, policy and candidates with their state', async (t) => {
  const { adminUrl } = await workbench(t, {
    routes: ROUTES,
    instances: [instance(1, { id: 'users-1' }), instance(2, { id: 'users-2', status: 'critical' })],
  })
  const explain = async (query: string) => (await (await fetch(`${adminUrl}/explain?${query}`)).json()) as Explained
  const user = await explain('method=get&path=/user/7?x=1&host=a.com')
  assert.equal(user.route?.name, 'user')
  assert.equal(user.why, 'the only route that matches')
  assert.equal(user.policy.policy, 'least-request')
  assert.deepEqual(
    user.candidates.map(({ instance: { id }, eligible }) => [id, eligible]),
    [
      ['users-1', true],
      ['users-2', false],
    ],
  )
  assert.deepEqual(user.guards, [{ service: 'users', calls: 0, retries: { underWay: 0, allowed: 3 } }])
  assert.deepEqual(user.others, [{ route: 'shop', matches: false, why: 'host a.com is not shop.com' }])
  const both = await explain('path=/user/7&host=Shop.com:80')
  assert.equal(both.route?.name, 'shop')
  assert.match(both.others[0]!.why, /matches, but shop comes first: its host is exact/)
  assert.equal((await explain('path=/x')).route, null)
})

test('explain names the rules that hold for a route', async (t) => {
  const limit = { requests: 1, seconds: 1 }
  const routes = [
    { path: '/a', to: 'users', addresses: { deny: ['10.0.0.1'] } },
    { path: '/b', to: 'users', rateLimit: false as const },
  ]
  const { adminUrl } = await workbench(t, { routes, config: { defaults: { rateLimit: limit } } })
  const rules = async (path: string) =>
    ((await (await fetch(`${adminUrl}/explain?path=${path}`)).json()) as { rules: string[] }).rules
  assert.deepEqual(await rules('/a'), ['addresses', 'rateLimit'])
  assert.deepEqual(await rules('/b'), [])
})

test('explain says why a request would be refused before any route', async (t) => {
  const { adminUrl } = await workbench(t, { routes: ROUTES })
  const answer = await fetch(`${adminUrl}/explain?path=/a/../b`)
  assert.equal(answer.status, 400)
  assert.match(await answer.text(), /dot segment.*path_dot_segment/)
})

test('explain tells the route also while the registry is silent, and why no instance is known', async (t) => {
  const words = 'service "users": the registry has not said where it is'
  const caller = { inspect: () => Promise.reject(new SkeinError('REGISTRY_UNAVAILABLE', words)) } as unknown as Caller
  const gateway = await startGateway({ config: { port: 0, routes: ROUTES }, caller, metrics: new Metrics() })
  t.after(() => gateway.close())
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/explain?path=/user/7`)
  const { route, candidates, unknown } = (await answer.json()) as Explained & { unknown: string }
  assert.deepEqual([answer.status, route?.name, candidates, unknown], [200, 'user', [], words])
})

test('routes in order of precedence, readiness, metrics', async (t) => {
  const { adminUrl, gateway } = await workbench(t, { routes: ROUTES })
  const names = async () =>
    ((await (await fetch(`${adminUrl}/routes`)).json()) as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(await names(), ['shop', 'user'])
  gateway.reload({ port: 0, routes: [{ name: 'new', to: 'users' }] })
  assert.deepEqual(await names(), ['new'])
  assert.equal((await fetch(`${adminUrl}/health/ready`)).status, 200)
  const metrics = await fetch(`${adminUrl}/metrics`)
  assert.match(metrics.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  assert.match(await metrics.text(), /skein_gateway_requests_total/)
})

test('only loopback names, only reading, only its own pages', async (t) => {
  const { adminUrl, gateway } = await workbench(t, { routes: ROUTES })
  const asked = (host: string) =>
    rawRequest(gateway.adminPort, `GET /routes HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.equal((await asked(`evil.example:${gateway.adminPort}`)).status, 421)
  assert.equal((await asked('localhost:1')).status, 200)
  assert.equal((await asked('[::1]')).status, 200)
  assert.equal((await fetch(`${adminUrl}/routes`, { method: 'POST' })).status, 405)
  assert.equal((await fetch(`${adminUrl}/__proto__`)).status, 404)
})
