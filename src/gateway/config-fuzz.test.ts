/**
 * Whatever lies in the registry's KV is a config that is taken or one whose mistakes are told: a check that throws would end all
 * gateways that follow it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../core/clock.ts'
import { ConfigError, IssueList } from '../core/issues.ts'
import { silentLogger } from '../core/log.ts'
import { checkGatewayConfig } from './config.ts'
import type { GatewayConfig } from './contract.ts'
import { RULE_CHECKS } from './rules.ts'
import { takeSnapshot } from './snapshot.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

const PARTS = {
  clock: systemClock,
  log: silentLogger,
  random: () => 0,
  caller: { request: () => assert.fail('called') },
}

const ROUTE_KEYS = [
  ...Object.keys(RULE_CHECKS),
  ...['name', 'host', 'path', 'methods', 'headers', 'cookies', 'query', 'to', 'split', 'mirror', 'redirect', 'rewrite'],
  ...['balance', 'timeoutMs', 'attemptTimeoutMs', 'attempts', 'hedge', 'bulkhead', 'circuit', 'idempotent'],
  ...['protocol', 'upstreamTls', 'maxBodyBytes', 'websocket', 'preserveHost'],
]
/** Of what stands below them; and names that every object has. */
const KEYS = [
  ...['to', 'by', 'policy', 'keys', 'on', 'using', 'load', 'inner', 'cookie', 'ttlS', 'sameSite', 'env', 'file', 'in'],
  ...['allow', 'deny', 'set', 'add', 'remove', 'origins', 'methods', 'credentials', 'requests', 'seconds', 'burst'],
  ...['apiKeys', 'jwt', 'oidc', 'forwardAuth', 'issuer', 'audience', 'jwks', 'claims', 'forward', 'clientId', 'scopes'],
  ...['path', 'prefix', 'status', 'scheme', 'host', 'port', 'percent', 'codings', 'types', 'ca', 'cert', 'serverName'],
  ...['calls', 'failureShare', 'delayMs', 'url', 'certificates', 'minVersion', 'page', 'except', 'cache', 'zone'],
  ...['toString', 'valueOf', 'constructor', '__proto__'],
]

const word = fc.constantFrom(
  ...[
    '',
    'a',
    '/a/*',
    '/:x',
    '*',
    'users',
    'sticky',
    'hash',
    'ip',
    'cookie:a',
    'https://a.com',
    'h2',
    'GET',
    'TLSv1.3',
  ],
  ...[`sha256:${'0'.repeat(64)}`, '10.0.0.0/8', '*.a.com', '/nowhere/file', 'p2c', 'peak-ewma'],
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(word, fc.string({ maxLength: 6 }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))
const rules = fc.dictionary(fc.constantFrom(...ROUTE_KEYS), value, { maxKeys: 2, noNullPrototype: true })
const route = fc.oneof(
  { weight: 9, arbitrary: rules.map((one) => ({ path: '/a', to: 'users', ...one })) },
  { weight: 1, arbitrary: value },
)
const routes = fc.array(route, { minLength: 1, maxLength: 2 })
const config = fc.oneof(
  fc.record({ routes }),
  fc.record({ routes, defaults: rules, tls: value, redis: value, trustedProxies: value }, { requiredKeys: ['routes'] }),
)

let right = 0
/** As JSON brings it. */
function look(given: unknown): void {
  const config = JSON.parse(JSON.stringify(given))
  const issues = new IssueList('fuzz')
  checkGatewayConfig(config, issues, 'gateway', ['users'])
  if (issues.issues.length > 0) return
  right++
  try {
    takeSnapshot(config as GatewayConfig, PARTS)
  } catch (error) {
    // A file that is not there.
    if (!(error instanceof ConfigError)) throw error
  }
}

test(`no config makes its check throw (SKEIN_SEED=${SEED})`, () => {
  right = 0
  fc.assert(fc.property(fc.oneof({ weight: 9, arbitrary: config }, { weight: 1, arbitrary: value }), look), {
    seed: SEED,
    numRuns: 10_000,
  })
  assert.ok(right > 50, `only ${right} were right`)
})

const SECRET = { env: 'SKEIN_TEST_FUZZ' }
/** Every rule, as it should be. */
const FULL: GatewayConfig = {
  port: 0,
  host: '127.0.0.1',
  trustedProxies: ['10.0.0.0/8'],
  redis: { url: 'redis://127.0.0.1:1', timeoutMs: 100, prefix: 'a' },
  defaults: { rateLimit: [{ name: 'all', requests: 1, seconds: 1, burst: 1, by: 'route' }], maintenance: true },
  routes: [
    {
      ...{ name: 'a', host: '*.a.com', path: '/:a/*', methods: ['GET'], headers: { a: 'b' }, cookies: { a: true } },
      ...{ query: { a: 'b' }, timeoutMs: 2, attemptTimeoutMs: 1, attempts: 2, idempotent: true, protocol: 'h2' },
      ...{ maxBodyBytes: 1, websocket: true, preserveHost: false, hedge: { delayMs: 1 }, bulkhead: { calls: 1 } },
      circuit: { failureShare: 0.5, openMs: 1 },
      split: { to: { users: 1 }, by: 'param:a' },
      mirror: { to: 'users', percent: 1 },
      rewrite: { prefix: '/:a', host: 'a' },
      balance: { policy: 'sticky', keys: [SECRET], cookie: 'a', ttlS: 1, sameSite: 'Lax', secure: true },
      upstreamTls: { serverName: 'a' },
      addresses: { allow: ['10.0.0.0/8'], deny: ['::1'] },
      cors: { origins: ['https://a.com'], methods: ['GET'], headers: ['a'], expose: ['a'], credentials: true },
      requestHeaders: { set: { a: 'b' }, add: { a: 'b' }, remove: ['a'] },
      maintenance: { page: 'a', retryAfterSeconds: 1, except: ['10.0.0.0/8'] },
      rateLimit: { requests: 1, seconds: 1 },
      compress: { codings: ['br'], types: ['text/*'], minBytes: 1 },
      cache: { maxBytes: 1, maxBodyBytes: 1, defaultSeconds: 1 },
      auth: {
        apiKeys: { in: 'query:a', keys: { a: [`sha256:${'0'.repeat(64)}`] } },
        jwt: [{ issuer: 'a', audience: ['b'], jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'a' }] }, type: 'a' }],
        oidc: { issuer: 'https://a.com', clientId: 'a', keys: SECRET, claims: { a: 'b' }, parameters: { a: 'b' } },
      },
    },
    { path: '/b', redirect: { path: '/a', status: 301, scheme: 'https', host: 'a', port: 1 } },
    { path: '/c', to: 'users', auth: { forwardAuth: { to: 'users', path: '/', send: ['a'], cache: { seconds: 1 } } } },
  ],
}

/** Paths to all that stands in it. */
function placesIn(part: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof part !== 'object' || part === null) return [at]
  return [at, ...Object.entries(part).flatMap(([key, inner]) => placesIn(inner, [...at, key]))]
}

function withPart(whole: unknown, [key, ...rest]: readonly string[], part: unknown): unknown {
  if (key === undefined) return part
  const copy = Array.isArray(whole) ? [...whole] : { ...(whole as object) }
  return Object.assign(copy, { [key]: withPart((whole as Record<string, unknown>)[key], rest, part) })
}

test(`nor does one in which a single part is wrong (SKEIN_SEED=${SEED})`, (t) => {
  process.env[SECRET.env] = '0'.repeat(64)
  t.after(() => delete process.env[SECRET.env])
  right = 0
  look(FULL)
  assert.equal(right, 1)
  const places = placesIn(FULL)
  const changed = fc.tuple(fc.constantFrom(...places), value).map(([place, part]) => withPart(FULL, place, part))
  fc.assert(fc.property(changed, look), { seed: SEED, numRuns: 3_000 })
  assert.ok(right > 50, `only ${right} were right`)
})
