/** CORS, seen from outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CorsConfig } from './rule/cors.ts'
import { type BenchOptions, echoBench } from './workbench.suite.ts'

const SHOP = 'https://shop.example.com'
const pre = (origin: string, method = 'PUT', headers?: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
  },
})

const bench = (t: import('node:test').TestContext, cors: CorsConfig, options?: BenchOptions) =>
  echoBench(t, { cors }, { fields: { 'access-control-allow-origin': '*', vary: 'accept' }, ...options })

test('a page of an origin on the list may read the answer; of others not, whatever the upstream says', async (t) => {
  const { ask } = await bench(t, { origins: [SHOP], expose: ['etag', 'x-total'], credentials: true })
  const mine = await ask('/', { headers: { origin: SHOP } })
  assert.equal(mine.headers['access-control-allow-origin'], SHOP)
  assert.equal(mine.headers['access-control-allow-credentials'], 'true')
  assert.equal(mine.headers['access-control-expose-headers'], 'etag, x-total')
  assert.equal(mine.headers.vary, 'accept, origin')
  for (const origin of ['https://evil.example', 'http://shop.example.com', `${SHOP}.evil.example`, 'null']) {
    const { status, headers } = await ask('/', { headers: { origin } })
    assert.deepEqual([status, headers['access-control-allow-origin']], [200, undefined], origin)
    assert.equal(headers.vary, 'accept, origin')
  }
  assert.equal((await ask('/')).headers['access-control-allow-origin'], undefined)
})

test('a wildcard is for names below, by whole labels', async (t) => {
  const { ask } = await bench(t, { origins: ['https://*.example.com'] })
  const allowed = async (origin: string) =>
    (await ask('/', { headers: { origin } })).headers['access-control-allow-origin'] === origin
  assert.equal(await allowed('https://a.example.com'), true)
  assert.equal(await allowed('https://a.b.example.com'), true)
  for (const origin of [
    'https://example.com',
    'https://.example.com',
    'https://aexample.com',
    'http://a.example.com',
  ]) {
    assert.equal(await allowed(origin), false, origin)
  }
})

test('any origin, without credentials', async (t) => {
  const { ask } = await bench(t, { origins: '*' })
  const { headers } = await ask('/', { headers: { origin: 'https://a.example' } })
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.equal(headers['access-control-allow-credentials'], undefined)
  assert.equal(headers.vary, 'accept')
})

test('a preflight is answered by the gateway', async (t) => {
  const { ask, line } = await bench(t, { origins: [SHOP], methods: ['PUT'], headers: ['x-a', 'x-b'], maxAgeSeconds: 5 })
  const { status, headers, text } = await ask('/', pre(SHOP, 'PUT', 'x-a'))
  assert.deepEqual([status, text], [204, ''])
  assert.equal(headers['access-control-allow-origin'], SHOP)
  assert.equal(headers['access-control-allow-methods'], 'PUT')
  assert.equal(headers['access-control-allow-headers'], 'x-a, x-b')
  assert.equal(headers['access-control-max-age'], '5')
  assert.equal(headers.vary, 'origin, access-control-request-method, access-control-request-headers')
  assert.equal(headers['content-length'], undefined)
  assert.deepEqual([(await line())['status'], (await line())['attempts']], [204, []])
  const other = await ask('/', pre('https://evil.example'))
  assert.deepEqual([other.status, other.headers['access-control-allow-origin']], [204, undefined])
})

test('without lists a preflight gets what it asks for', async (t) => {
  const { ask } = await bench(t, { origins: [SHOP] })
  const { headers } = await ask('/', pre(SHOP, 'DELETE', 'x-any,x-other'))
  assert.match(headers['access-control-allow-methods']!, /DELETE/)
  assert.equal(headers['access-control-allow-headers'], 'x-any,x-other')
  assert.equal(headers['access-control-max-age'], '600')
})

test('a plain OPTIONS is for the upstream, and so is a preflight where there is no rule', async (t) => {
  const { ask } = await bench(t, { origins: [SHOP] })
  assert.equal((await ask('/', { method: 'OPTIONS' })).echoed.method, 'OPTIONS')
  assert.equal((await ask('/', { method: 'OPTIONS', headers: { origin: SHOP } })).echoed.method, 'OPTIONS')
  const without = await echoBench(t, {})
  assert.equal((await without.ask('/', pre(SHOP))).echoed.method, 'OPTIONS')
})

test('a preflight takes the route of the method it asks about', async (t) => {
  const routes = [
    { name: 'read', path: '/x', methods: ['GET'], to: 'users' },
    { name: 'write', path: '/x', methods: ['PUT'], to: 'users', cors: { origins: [SHOP] } },
  ]
  const { ask, line } = await echoBench(t, {}, { routes })
  assert.equal((await ask('/x', pre(SHOP, 'PUT'))).status, 204)
  assert.equal((await line())['route'], 'write')
  assert.equal((await ask('/x', pre(SHOP, 'GET'))).status, 404)
})

test('refusals can be read too', async (t) => {
  const { ask } = await echoBench(t, { cors: { origins: [SHOP] }, rateLimit: { requests: 1, seconds: 60 } })
  await ask('/', { headers: { origin: SHOP } })
  const { status, headers } = await ask('/', { headers: { origin: SHOP } })
  assert.deepEqual([status, headers['access-control-allow-origin']], [429, SHOP])
})
