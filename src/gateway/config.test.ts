import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../core/clock.ts'
import { ConfigError, IssueList } from '../core/issues.ts'
import { silentLogger } from '../core/log.ts'
import { checkGatewayConfig } from './config.ts'
import type { GatewayConfig } from './contract.ts'
import { takeSnapshot } from './snapshot.ts'
import { workbench } from './workbench.suite.ts'

const PARTS = {
  clock: systemClock,
  log: silentLogger,
  random: () => 0,
  caller: { request: () => assert.fail('called') },
}

function problems(value: unknown, services?: string[]): Record<string, string> {
  const list = new IssueList('skein.config.ts')
  checkGatewayConfig(value, list, 'gateway', services)
  return Object.fromEntries(list.issues.map(({ key, message, fix }) => [key, `${message}. ${fix}`]))
}

const route = (change: Record<string, unknown>) => problems({ routes: [{ to: 'users', ...change }] })

test('a full configuration is right', () => {
  const config: GatewayConfig = {
    port: 0,
    host: '127.0.0.1',
    trustedProxies: ['10.0.0.0/8', '::1'],
    routes: [
      { path: '/user/:id', to: 'users', balance: { policy: 'hash', on: 'param:id', using: 'maglev' } },
      {
        name: 'orders',
        host: '*.example.com',
        path: '/order/*',
        methods: ['GET', 'post'],
        headers: { 'x-v': '2', 'x-u': true },
        query: { beta: true },
        to: 'orders',
        balance: 'weighted-round-robin',
        timeoutMs: 2000,
        attemptTimeoutMs: 500,
        attempts: 2,
        maxBodyBytes: 0,
        websocket: true,
        preserveHost: false,
      },
    ],
  }
  assert.deepEqual(problems(config, ['users', 'orders']), {})
})

test('all mistakes are reported in one go, each with its key and the way out', () => {
  const found = problems(
    {
      prot: 8080,
      port: 70_000,
      trustedProxies: ['10.0.0.0/40', 5],
      routes: [
        { path: 'user', to: 'user', timeoutMs: 0, balanse: 'p2c' },
        { path: '/a/*', to: 'orders', methods: ['GETT'], attempts: 1.5, headers: { v: 2 } },
        'x',
        {},
      ],
    },
    ['users', 'orders'],
  )
  assert.deepEqual(Object.keys(found).sort(), [
    'gateway.port',
    'gateway.prot',
    'gateway.routes[0].balanse',
    'gateway.routes[0].path',
    'gateway.routes[0].timeoutMs',
    'gateway.routes[0].to',
    'gateway.routes[1].attempts',
    'gateway.routes[1].headers.v',
    'gateway.routes[1].methods[0]',
    'gateway.routes[2]',
    'gateway.routes[3].to',
    'gateway.trustedProxies[0]',
    'gateway.trustedProxies[1]',
  ])
  assert.match(found['gateway.prot']!, /unknown key\. Did you mean "port"\?/)
  assert.match(found['gateway.routes[0].to']!, /no service "user"\. Did you mean "users"\?/)
  assert.match(found['gateway.routes[0].path']!, /Write "\/user"/)
  assert.match(found['gateway.routes[0].balanse']!, /Did you mean "balance"\?/)
  assert.match(found['gateway.routes[1].methods[0]']!, /Did you mean "GET"\?/)
  assert.match(found['gateway.trustedProxies[0]']!, /prefix length outside 0–32/)
})

const JWT = { issuer: 'https://login.example.com', audience: 'shop', jwks: 'https://login.example.com/keys' }

/** What of a rule's key is refused: the value, and the key under which the mistake is reported. */
const WRONG_RULES: readonly [Record<string, unknown>, string][] = [
  [{ rateLimit: 5 }, 'rateLimit'],
  [{ rateLimit: { requests: 5 } }, 'rateLimit.seconds'],
  [{ rateLimit: [{ requests: 0, seconds: 1 }] }, 'rateLimit[0].requests'],
  [{ rateLimit: { requests: 1, seconds: 1, by: 'cookie' } }, 'rateLimit.by'],
  [{ rateLimit: { requests: 1, seconds: 1, name: 'a"b' } }, 'rateLimit.name'],
  [{ rateLimit: { requests: 1, seconds: 1, per: 1 } }, 'rateLimit.per'],
  [{ rateLimit: true }, 'rateLimit'],
  [{ addresses: ['10.0.0.0/8'] }, 'addresses'],
  [{ addresses: { allow: ['10.0.0.0/33'] } }, 'addresses.allow[0]'],
  [{ addresses: { deny: [1] } }, 'addresses.deny[0]'],
  [{ cors: true }, 'cors'],
  [{ cors: {} }, 'cors.origins'],
  [{ cors: { origins: ['shop.example.com'] } }, 'cors.origins[0]'],
  [{ cors: { origins: ['https://shop.example.com/'] } }, 'cors.origins[0]'],
  [{ cors: { origins: ['https://Shop.example.com'] } }, 'cors.origins[0]'],
  [{ cors: { origins: ['*'] } }, 'cors.origins[0]'],
  [{ cors: { origins: '*', credentials: true } }, 'cors.credentials'],
  [{ cors: { origins: '*', methods: ['TRACE'] } }, 'cors.methods[0]'],
  [{ cors: { origins: '*', headers: ['a b'] } }, 'cors.headers[0]'],
  [{ requestHeaders: { set: { host: 'x' } } }, 'requestHeaders.set.host'],
  [{ requestHeaders: { set: { 'X-Forwarded-For': 'x' } } }, 'requestHeaders.set.X-Forwarded-For'],
  [{ requestHeaders: { remove: ['content-length'] } }, 'requestHeaders.remove[0]'],
  [{ responseHeaders: { add: { 'x-a': 'a\r\nb: c' } } }, 'responseHeaders.add.x-a'],
  [{ responseHeaders: { add: { 'x a': 'a' } } }, 'responseHeaders.add.x a'],
  [{ responseHeaders: { add: { 'x-a': 1 } } }, 'responseHeaders.add.x-a'],
  [{ maintenance: 'soon' }, 'maintenance'],
  [{ steps: ['./x.ts'] }, 'steps[0]'],
  [{ steps: {} }, 'steps'],
  [{ compress: 'gzip' }, 'compress'],
  [{ cache: 60 }, 'cache'],
  [{ cache: { maxBytes: 0 } }, 'cache.maxBytes'],
  [{ cache: { ttl: 5 } }, 'cache.ttl'],
  [{ compress: { codings: ['deflate'] } }, 'compress.codings[0]'],
  [{ compress: { types: ['json'] } }, 'compress.types[0]'],
  [{ compress: { types: [] } }, 'compress.types'],
  [{ auth: {} }, 'auth'],
  [{ auth: { apiKeys: {} } }, 'auth.apiKeys.keys'],
  [{ auth: { apiKeys: { keys: { shop: 'secret' } } } }, 'auth.apiKeys.keys.shop'],
  [{ auth: { apiKeys: { in: 'ip', keys: {} } } }, 'auth.apiKeys.in'],
  [{ auth: { apiKeys: { in: 'header:authorization', keys: {} }, jwt: JWT } }, 'auth.apiKeys.in'],
  [{ auth: { jwt: { ...JWT, issuer: undefined } } }, 'auth.jwt.issuer'],
  [{ auth: { jwt: [JWT, JWT] } }, 'auth.jwt'],
  [{ auth: { jwt: { ...JWT, audience: [] } } }, 'auth.jwt.audience'],
  [{ auth: { jwt: { ...JWT, jwks: 'http://login.example.com/keys' } } }, 'auth.jwt.jwks'],
  [{ auth: { jwt: { ...JWT, jwks: 'file:///etc/keys' } } }, 'auth.jwt.jwks'],
  [{ auth: { jwt: { ...JWT, algorithms: ['HS256'] } } }, 'auth.jwt.algorithms[0]'],
  [{ auth: { jwt: { ...JWT, algorithms: ['none'] } } }, 'auth.jwt.algorithms[0]'],
  [{ auth: { jwt: { ...JWT, algorithms: [] } } }, 'auth.jwt.algorithms'],
  [{ auth: { forwardAuth: {} } }, 'auth.forwardAuth.to'],
  [{ auth: { forwardAuth: { to: 'a', path: 'check' } } }, 'auth.forwardAuth.path'],
  [{ auth: { forwardAuth: { to: 'a', send: ['a b'] } } }, 'auth.forwardAuth.send[0]'],
  [{ auth: { forwardAuth: { to: 'a', forward: ['x-skein-subject'] } } }, 'auth.forwardAuth.forward[0]'],
  [{ auth: { forwardAuth: { to: 'a', cache: { seconds: 0 } } } }, 'auth.forwardAuth.cache.seconds'],
  [{ auth: { forwardAuth: { to: 'a', cache: 5 } } }, 'auth.forwardAuth.cache'],
  [{ auth: { forwardAuth: { to: 'a' }, optional: true } }, 'auth.optional'],
  [{ auth: { jwt: { ...JWT, forward: { email: 'x-forwarded-for' } } } }, 'auth.jwt.forward.email'],
  [{ maintenance: { except: ['x'] } }, 'maintenance.except[0]'],
]
for (const [rules, key] of WRONG_RULES) {
  test(`${JSON.stringify(rules)} is refused at ${key}, in a route and as a default`, () => {
    assert.ok(`gateway.routes[0].${key}` in route(rules), JSON.stringify(route(rules)))
    assert.ok(`gateway.defaults.${key}` in problems({ routes: [{ to: 'users' }], defaults: rules }))
  })
}

const WRONG_ROUTES: readonly [Record<string, unknown>, string][] = [
  [{ redirect: { path: '/x' }, to: 'users' }, 'redirect'],
  [{ redirect: {}, to: undefined, path: 5 }, 'path'],
  [{ redirect: { status: 300 }, to: undefined }, 'redirect.status'],
  [{ redirect: { host: 'a b' }, to: undefined }, 'redirect.host'],
  [{ redirect: { host: 'a:80' }, to: undefined }, 'redirect.host'],
  [{ redirect: { scheme: 'ftp' }, to: undefined }, 'redirect.scheme'],
  [{ redirect: { path: '//evil.example' }, to: undefined }, 'redirect.path'],
  [{ redirect: { path: '/:id' }, to: undefined, path: '/x' }, 'redirect.path'],
  [{ redirect: { path: '/a', prefix: '/b' }, to: undefined }, 'redirect.prefix'],
  [{ rewrite: { prefix: '/:id' }, path: '/x/*' }, 'rewrite.prefix'],
  [{ rewrite: { prefix: '/b' }, path: '/x' }, 'rewrite.prefix'],
  [{ rewrite: { path: '/x/*' } }, 'rewrite.path'],
  [{ rewrite: { path: '/a/../b' } }, 'rewrite.path'],
  [{ rewrite: { hots: 'x' } }, 'rewrite.hots'],
  [{ split: { to: { users: 1 } } }, 'split'],
  [{ to: undefined, split: {} }, 'split.to'],
  [{ to: undefined, split: { to: {} } }, 'split.to'],
  [{ to: undefined, split: { to: { users: 0 } } }, 'split.to'],
  [{ to: undefined, split: { to: { users: -1 } } }, 'split.to.users'],
  [{ to: undefined, split: { to: { users: 1 }, by: 'me' } }, 'split.by'],
  [{ mirror: {} }, 'mirror.to'],
  [{ mirror: { to: 'users', percent: 101 } }, 'mirror.percent'],
  [{ cookies: { a: 1 } }, 'cookies.a'],
]
for (const [change, key] of WRONG_ROUTES) {
  test(`route ${JSON.stringify(change)} is refused at ${key}`, () => {
    assert.ok(`gateway.routes[0].${key}` in route(change), JSON.stringify(route(change)))
  })
}

for (const path of [
  'user',
  '/a//b',
  '/a/../b',
  '/a?b',
  '/a#b',
  '/a*',
  '/*/b',
  '/a%2fb',
  '/a/:',
  '/a/:1',
  '/:a/:a',
  '/é',
  '/%61',
  7,
]) {
  test(`path ${path} is refused`, () => assert.ok('gateway.routes[0].path' in route({ path })))
}

for (const host of ['*', 'http://a.com', 'a.com:80', '*.*.com', 'a..b', '', 'a b', 7]) {
  test(`host ${JSON.stringify(host)} is refused`, () => assert.ok('gateway.routes[0].host' in route({ host })))
}

test('an unknown policy is refused by the balancer’s own check', () => {
  assert.ok('gateway.routes[0].balance' in route({ balance: 'rond-robin' }))
  assert.ok('gateway.routes[0].balance' in route({ balance: { policy: 'hash' } }))
})

test('mistakes between keys: a parameter the path lacks, an attempt longer than the call', () => {
  const found = route({
    path: '/user/:id',
    balance: { policy: 'hash', on: 'param:name' },
    timeoutMs: 10,
    attemptTimeoutMs: 20,
  })
  assert.match(found['gateway.routes[0].balance.on']!, /no ":name"/)
  assert.match(found['gateway.routes[0].attemptTimeoutMs']!, /longer than timeoutMs \(10\)/)
})

test('two routes of one name, and a route that another hides', () => {
  const found = problems({
    routes: [
      { name: 'a', path: '/x/:id', to: 's' },
      { name: 'a', path: '/x/:name', to: 't' },
    ],
  })
  assert.match(found['gateway.routes[1].name']!, /the same name as route 0/)
  assert.match(found['gateway.routes[1]']!, /never reached: route 0/)
})

test('a route that another hides in other letters', () => {
  const spelled = [
    { host: 'Shop.Example.com', methods: ['get', 'HEAD', 'GET'], headers: { 'X-V': '2' }, to: 'a' },
    { host: 'shop.example.com', methods: ['HEAD', 'GET'], headers: { 'x-v': '2' }, to: 'b' },
    { host: 'shop.example.com', methods: ['HEAD', 'GET'], headers: { 'x-v': 'II' }, to: 'c' },
    { host: 'shop.example.com', methods: ['HEAD', 'GET'], headers: { 'x-v': 'ii' }, to: 'd' },
  ]
  assert.deepEqual(Object.keys(problems({ routes: spelled })), ['gateway.routes[1]'])
})

test('what a redirect never comes to is not kept silent, defaults and what is turned off left alone', () => {
  const redirect = { redirect: { host: 'a.com' }, compress: false, responseHeaders: {}, cors: false }
  const defaults = { compress: true, rateLimit: { requests: 1, seconds: 1 } }
  assert.deepEqual(problems({ defaults, routes: [redirect] }), {})
  const found = problems({
    routes: [{ ...redirect, auth: { apiKeys: { keys: {} } }, timeoutMs: 5, rewrite: { prefix: '/' } }],
  })
  assert.deepEqual(Object.keys(found).sort(), [
    'gateway.routes[0].auth',
    'gateway.routes[0].rewrite',
    'gateway.routes[0].timeoutMs',
  ])
  assert.match(found['gateway.routes[0].auth']!, /has no effect: the redirect is answered before/)
})

test('one mistake is one report', () => {
  assert.deepEqual(Object.keys(route({ protocol: 'htp', upstreamTls: {} })), ['gateway.routes[0].protocol'])
  assert.deepEqual(Object.keys(route({ protocol: 'h2c', upstreamTls: {} })), ['gateway.routes[0].upstreamTls'])
})

test('every file and secret that cannot be had is told in one go', () => {
  const gone = { file: '/nowhere/key' }
  const config: GatewayConfig = {
    tls: { certificates: [{ cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' }] },
    redis: gone,
    routes: [
      { path: '/a', to: 'users', balance: { policy: 'sticky', keys: [gone] } },
      { path: '/b', to: 'users', protocol: 'h2', upstreamTls: { ca: '/nowhere/ca.pem' } },
      { path: '/c', to: 'users', auth: { oidc: { issuer: 'https://a.com', clientId: 'c', keys: gone } } },
    ],
  }
  assert.throws(
    () => takeSnapshot(config, PARTS),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.issues.map(({ key }) => key).sort(), [
        'redis',
        'routes[0].balance.keys[0]',
        'routes[1].upstreamTls.ca',
        'routes[2].auth.oidc.keys',
        'tls.certificates[0].cert',
        'tls.certificates[0].key',
      ])
      return true
    },
  )
})

test('TLS without a certificate is found before anything is started', () => {
  const found = problems({ tls: { certificates: [] }, routes: [{ to: 'users' }] })
  assert.match(found['gateway.tls.certificates']!, /is empty/)
})

test('what is no configuration at all', () => {
  assert.ok('gateway' in problems(null))
  assert.ok('gateway.routes' in problems({}))
  assert.ok('gateway.routes' in problems({ routes: [] }))
  assert.ok('gateway.routes' in problems({ routes: {} }))
})

test('a snapshot is taken whole or not at all, and does not change with the object it was taken from', () => {
  assert.throws(
    () => takeSnapshot({ routes: [{ to: '' }], port: -1 }, PARTS),
    (error) => {
      assert.ok(error instanceof ConfigError)
      return error.issues.length === 2
    },
  )
  const config = { routes: [{ to: 'users' }] }
  const snapshot = takeSnapshot(config, PARTS)
  config.routes[0]!.to = 'orders'
  assert.equal(snapshot.table.routes[0]!.config.to, 'users')
})

test('services that a split or mirror names must be there too', () => {
  const found = problems(
    {
      routes: [
        { path: '/a', split: { to: { users: 1, order: 1 } } },
        { path: '/b', to: 'users', mirror: { to: 'user' } },
      ],
    },
    ['users', 'orders'],
  )
  assert.match(found['gateway.routes[0].split.to.order']!, /no service "order"\. Did you mean "orders"\?/)
  assert.match(found['gateway.routes[1].mirror.to']!, /no service "user"\. Did you mean "users"\?/)
})

test('workers: a whole number or auto, and not while the gateway runs', async (t) => {
  for (const workers of [1, 4, 'auto']) assert.deepEqual(problems({ workers, routes: [{ to: 'users' }] }), {})
  const wrong = (workers: unknown) => problems({ workers, routes: [{ to: 'users' }] })['gateway.workers']!
  for (const workers of [0, 1000]) assert.match(wrong(workers), /is out of range\. Write one from 1 to 256/)
  for (const workers of [2.5, '4', 'all']) assert.match(wrong(workers), /is no whole number\. Write one from 1 to 256/)
  const { gateway } = await workbench(t, { config: { workers: 2 } })
  const next = (workers: number) => ({ port: 0, workers, routes: [{ to: 'users' }] })
  gateway.reload(next(2))
  const { gateway: one } = await workbench(t, {})
  one.reload(next(1))
  assert.throws(() => gateway.reload(next(4)), /gateway: workers: cannot change from 2 to 4 while the gateway runs/)
})
