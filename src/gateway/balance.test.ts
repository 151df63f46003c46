/** The gateway hands policies and hash keys to the outbound path: seen from outside, by who answers. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { BalanceConfig } from '../balance/balance-config.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

async function three(t: TestContext, balance: BalanceConfig, weights: readonly number[], path = '/*') {
  const ports = await Promise.all(
    weights.map(async (_, i) => (await httpUpstream(t, (_request, response) => response.end(String(i)))).port),
  )
  return workbench(t, {
    instances: ports.map((port, i) => instance(port, { id: `users-${i}`, weight: weights[i]! })),
    routes: [{ path, to: 'users', balance }],
    config: { trustedProxies: ['127.0.0.1'] },
  })
}

async function answers(count: number, ask: (i: number) => Promise<Response>): Promise<string[]> {
  const seen: string[] = []
  for (let i = 0; i < count; i++) seen.push(await (await ask(i)).text())
  return seen
}

test('weighted round robin: 700 requests over weights 5, 1, 1 are exactly 500, 100, 100', async (t) => {
  const { url } = await three(t, 'weighted-round-robin', [5, 1, 1])
  const counts: Record<string, number> = {}
  for (const who of await answers(700, () => fetch(url))) counts[who] = (counts[who] ?? 0) + 1
  assert.deepEqual(counts, { 0: 500, 1: 100, 2: 100 })
})

test('ip-hash hashes the client’s network, and a function of the config chooses', async (t) => {
  const hashed = await three(t, 'ip-hash', [1, 1, 1])
  const from = (ip: string) => fetch(hashed.url, { headers: { 'x-forwarded-for': ip } })
  assert.equal(new Set(await answers(20, (i) => from(`9.9.9.${i}`))).size, 1)
  assert.equal(new Set(await answers(60, (i) => from(`9.9.${i}.1`))).size, 3)
  const chosen = await three(t, { policy: (endpoints) => endpoints.at(-1), panic: 50 }, [1, 1, 1])
  assert.deepEqual(new Set(await answers(10, () => fetch(chosen.url))), new Set(['2']))
})

for (const using of ['ring', 'envoy-ring', 'maglev', 'rendezvous'] as const) {
  test(`hash by ip (${using}): one client stays with one instance, clients spread`, async (t) => {
    const { url } = await three(t, { policy: 'hash', on: 'ip', using }, [1, 1, 1])
    const from = (ip: string) => () => fetch(url, { headers: { 'x-forwarded-for': ip } })
    assert.equal(new Set(await answers(20, from('9.9.9.9'))).size, 1)
    assert.equal(new Set(await answers(60, (i) => from(`9.9.8.${i}`)())).size, 3)
  })
}

test('hash by path parameter, header, cookie and query', async (t) => {
  for (const [on, ask] of [
    ['param:id', (url: string, key: string) => fetch(`${url}/user/${key}`)],
    ['header:x-user', (url: string, key: string) => fetch(`${url}/user/1`, { headers: { 'x-user': key } })],
    ['cookie:sid', (url: string, key: string) => fetch(`${url}/user/1`, { headers: { cookie: `a=b; sid=${key}` } })],
    ['query:u', (url: string, key: string) => fetch(`${url}/user/1?u=${key}`)],
  ] as const) {
    const { url } = await three(t, { policy: 'hash', on }, [1, 1, 1], '/user/:id')
    assert.equal(new Set(await answers(10, () => ask(url, 'k1'))).size, 1, on)
    assert.equal(new Set(await answers(60, (i) => ask(url, `k${i}`))).size, 3, on)
  }
})
