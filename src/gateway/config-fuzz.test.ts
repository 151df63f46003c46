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

test(`no config makes its check throw (SKEIN_SEED=${SEED})`, () => {
  let right = 0
  const look = (given: unknown) => {
    const issues = new IssueList('fuzz')
    checkGatewayConfig(given, issues, 'gateway', ['users'])
    if (issues.issues.length > 0) return
    right++
    try {
      takeSnapshot(given as GatewayConfig, PARTS)
    } catch (error) {
      // A file that is not there.
      if (!(error instanceof ConfigError)) throw error
    }
  }
  // As JSON brings it.
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: config }, { weight: 1, arbitrary: value }), (given) => {
      look(JSON.parse(JSON.stringify(given)))
    }),
    { seed: SEED, numRuns: 10_000 },
  )
  assert.ok(right > 50, `only ${right} were right`)
})
