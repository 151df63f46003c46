import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { withFilesFrom } from '../../gateway/files.ts'
import type { FleetConfig } from '../define.ts'
import { planFleet } from '../up/plan.ts'
import { gatewayOf } from './gateway-of.ts'

const PEM = '-----BEGIN PRIVATE KEY-----\n'
const config: FleetConfig = {
  services: { users: { command: 'true' } },
  gateway: { tls: { certificates: [{ cert: './shop.pem', key: PEM }] }, routes: [{ to: 'users' }] },
}

test('files that a config names are seen from its folder, wherever the gateway is started', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-files-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const inner = path.join(folder, 'edge')
  mkdirSync(inner)
  writeFileSync(path.join(inner, 'skein.config.json'), JSON.stringify(config))
  for (const [given, cwd] of [
    ['edge', folder],
    [inner, '/'],
    ['skein.config.json', inner],
  ] as const) {
    const { tls } = await gatewayOf(given, cwd)
    assert.deepEqual(tls?.certificates, [{ cert: path.join(inner, 'shop.pem'), key: PEM }])
  }
})

test('every file of a config, and nothing else', () => {
  const oidc = {
    keys: [{ file: 'k1' }, { env: 'K' }],
    clientSecret: { file: 's' },
    issuer: 'https://a',
    clientId: 'file',
  }
  const upstreamTls = { ca: 'ca.pem', cert: PEM }
  const balance = { policy: 'sticky', keys: [{ file: 'b1' }, { env: 'B' }] }
  const routes = [{ to: 'users', upstreamTls, auth: { oidc }, headers: { file: 'x' }, balance }]
  const given = { redis: { url: { file: 'redis' }, ca: '/ca.pem' }, routes, defaults: { auth: { oidc } } }
  const at = (name: string) => path.join('/etc/edge', name)
  const seen = { ...oidc, keys: [{ file: at('k1') }, { env: 'K' }], clientSecret: { file: at('s') } }
  assert.deepEqual(withFilesFrom('/etc/edge', given as unknown as GatewayConfig), {
    redis: { url: { file: at('redis') }, ca: '/ca.pem' },
    routes: [
      {
        ...routes[0],
        upstreamTls: { ca: at('ca.pem'), cert: PEM },
        auth: { oidc: seen },
        balance: { ...balance, keys: [{ file: at('b1') }, { env: 'B' }] },
      },
    ],
    defaults: { auth: { oidc: seen } },
  })
  const plain = { redis: 'redis://a', routes: [{ to: 'users', steps: [() => {}] }] } as GatewayConfig
  assert.deepEqual(withFilesFrom('/etc/edge', plain), plain)
})

test('skein up gives them to its gateway in full', () => {
  const { gateway } = planFleet(config, '/etc/shop/skein.config.ts', { admin: 1 })
  assert.deepEqual(gateway?.config.tls?.certificates, [{ cert: '/etc/shop/shop.pem', key: PEM }])
})
