/** Redirects, rewrites and header edits, seen from outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteConfig } from './contract.ts'
import type { RedirectConfig, RewriteConfig } from './rule/location.ts'
import { ask, echoBench, workbench } from './workbench.suite.ts'

const HOST = { host: 'shop.example.com:8080' }

const REDIRECTS: readonly [RedirectConfig, path: string, asked: string, location: string][] = [
  [{ scheme: 'https' }, '/*', '/a/b?c=d', 'https://shop.example.com/a/b?c=d'],
  [{ scheme: 'https', port: 8443 }, '/*', '/', 'https://shop.example.com:8443/'],
  [{ host: 'www.example.org' }, '/*', '/a', 'http://www.example.org:8080/a'],
  [{ host: 'www.example.org', scheme: 'https' }, '/*', '/a', 'https://www.example.org/a'],
  [{ port: 81 }, '/*', '/a', 'http://shop.example.com:81/a'],
  [{ path: '/new' }, '/old', '/old?q', '/new?q'],
  [{ path: '/people/:id' }, '/user/:id', '/user/7', '/people/7'],
  [{ prefix: '/v2' }, '/v1/*', '/v1/a/b', '/v2/a/b'],
  [{ prefix: '/v2' }, '/v1/*', '/v1', '/v2'],
  [{ prefix: '/' }, '/v1/*', '/v1/a', '/a'],
]
for (const [redirect, path, asked, location] of REDIRECTS) {
  test(`redirect ${JSON.stringify(redirect)}: ${asked} → ${location}`, async (t) => {
    const { gateway } = await workbench(t, { routes: [{ path, redirect }] })
    const { status, headers } = await ask(gateway.port, asked, { headers: HOST })
    assert.deepEqual([status, headers.location], [302, location])
  })
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`redirect with ${status}, also of a POST and of a HEAD`, async (t) => {
    const { gateway } = await workbench(t, { routes: [{ redirect: { scheme: 'https', status } }] })
    for (const method of ['GET', 'POST', 'HEAD']) {
      assert.equal((await ask(gateway.port, '/', { method, headers: HOST, body: '' })).status, status)
    }
  })
}

const REWRITES: readonly [RewriteConfig, path: string, asked: string, got: string][] = [
  [{ prefix: '/' }, '/api/*', '/api/user/7?a=b', '/user/7?a=b'],
  [{ prefix: '/' }, '/api/*', '/api', '/'],
  [{ prefix: '/' }, '/api/*', '/api/', '/'],
  [{ prefix: '/v2' }, '/api/*', '/api/x/', '/v2/x/'],
  [{ prefix: '/v2/' }, '/api/*', '/api/x', '/v2/x'],
  [{ prefix: '/in' }, '/*', '/x', '/in/x'],
  [{ prefix: '/' }, '/t/:tenant/*', '/t/a/x', '/x'],
  [{ prefix: '/of/:tenant/v2' }, '/t/:tenant/*', '/t/a%20b/x', '/of/a%20b/v2/x'],
  [{ path: '/fixed' }, '/*', '/any/thing?q=1', '/fixed?q=1'],
  [{ path: '/:b/:a' }, '/x/:a/:b', '/x/1/2%20', '/2%20/1'],
]
for (const [rewrite, path, asked, got] of REWRITES) {
  test(`rewrite ${JSON.stringify(rewrite)} of ${path}: ${asked} → ${got}`, async (t) => {
    const bench = await echoBench(t, { path, rewrite })
    assert.equal((await bench.ask(asked)).echoed.url, got)
    assert.equal((await bench.line())['path'], asked.split('?')[0], 'the log has what the client asked')
  })
}

test('a rewritten host, while X-Forwarded-Host stays the true one', async (t) => {
  const bench = await echoBench(t, { rewrite: { host: 'inside.example' } })
  const { headers } = (await bench.ask('/', { headers: HOST })).echoed
  assert.deepEqual([headers.host, headers['x-forwarded-host']], ['inside.example', HOST.host])
})

test('fields are set, added and removed in both directions', async (t) => {
  const route: Partial<RouteConfig> = {
    requestHeaders: { set: { 'X-Set': 'ours' }, add: { 'x-add': 'ours' }, remove: ['X-Gone'] },
    responseHeaders: { set: { 'X-Frame-Options': 'DENY' }, add: { 'set-cookie': 'c=3' }, remove: ['X-Powered-By'] },
  }
  const fields = { 'x-powered-by': 'them', 'x-frame-options': 'ALLOWALL', 'set-cookie': ['a=1', 'b=2'] }
  const bench = await echoBench(t, route, { fields })
  const sent = { 'x-set': 'theirs', 'x-add': 'theirs', 'x-gone': '1', 'x-kept': '1' }
  const { headers, echoed } = await bench.ask('/', { headers: sent })
  assert.equal(echoed.headers['x-set'], 'ours')
  assert.equal(echoed.headers['x-add'], 'theirs, ours')
  assert.equal(echoed.headers['x-gone'], undefined)
  assert.equal(echoed.headers['x-kept'], '1')
  assert.equal(headers['x-frame-options'], 'DENY')
  assert.equal(headers['x-powered-by'], undefined)
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2', 'c=3'])
})

test("the gateway's own answers get the route's fields too", async (t) => {
  const responseHeaders = { set: { 'strict-transport-security': 'max-age=1' } }
  const { gateway } = await workbench(t, { routes: [{ to: 'nobody', responseHeaders }] })
  const { status, headers } = await ask(gateway.port, '/')
  assert.deepEqual([status, headers['strict-transport-security']], [503, 'max-age=1'])
})

test('maintenance: an error for programs, a page for browsers, service as ever for those excepted', async (t) => {
  const maintenance = { page: '<h1>Back at noon</h1>', retryAfterSeconds: 900, except: ['10.0.0.0/8'] }
  const bench = await echoBench(t, { maintenance }, { config: { trustedProxies: ['127.0.0.1'] } })
  const program = await bench.ask('/')
  assert.deepEqual([program.status, program.headers['retry-after']], [503, '900'])
  assert.equal(program.headers['x-skein-error'], 'MAINTENANCE')
  const browser = await bench.ask('/', { headers: { accept: 'text/html,*/*;q=0.8' } })
  assert.deepEqual([browser.status, browser.text], [503, maintenance.page])
  assert.equal(browser.headers['content-type'], 'text/html; charset=utf-8')
  assert.equal(browser.headers['cache-control'], 'no-store')
  assert.equal((await bench.line(2))['reason'], 'maintenance')
  assert.equal((await bench.ask('/', { headers: { 'x-forwarded-for': '10.1.1.1' } })).status, 200)
})

test('maintenance for all routes, but one', async (t) => {
  const routes = [
    { path: '/status', to: 'users', maintenance: false },
    { path: '/*', to: 'users' },
  ]
  const bench = await echoBench(t, {}, { routes, config: { defaults: { maintenance: true } } })
  assert.equal((await bench.ask('/status')).status, 200)
  const { status, text } = await bench.ask('/x', { headers: { accept: 'text/html' } })
  assert.equal(status, 503)
  assert.match(text, /Back soon/)
})
