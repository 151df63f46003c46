/** Several `skein gateway` of several workers each, and one Redis: real processes, told of it by their environment. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { needsRedis, RedisProcess } from '../../../test/support/redis.ts'
import { eventually, ROOT } from '../../../test/support/up.ts'
import { freePort } from '../../core/free-port.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { startRegistry } from '../../registry/index.ts'

function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const asking = request(url, { agent: false }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode!))
    })
    asking.on('error', () => resolve(0))
    asking.end()
  })
}

const textOf = async (url: string) => (await fetch(url)).text().catch(() => '')

/** Its admin page's address, once all workers are ready. */
async function gateway(t: TestContext, registry: string, env: Record<string, string>) {
  const [port, adminPort] = [await freePort(), await freePort()]
  const args = ['gateway', '--name', 'edge', '--registry', registry, '--port', String(port), '--workers', '2']
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/skein.js'), ...args, '--admin-port', String(adminPort)], {
    stdio: 'pipe',
    env: { ...process.env, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  t.after(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const admin = `http://127.0.0.1:${adminPort}`
  await eventually('two workers', async () => {
    if (child.exitCode !== null) throw new Error(output)
    const workers = JSON.parse((await textOf(`${admin}/workers`).catch(() => '')) || '[]') as { state: string }[]
    return workers.filter(({ state }) => state === 'ready').length === 2
  })
  return { url: `http://127.0.0.1:${port}/`, admin, output: () => output }
}

test('two gateways of two workers: one limit for all; without Redis one for each gateway', {
  skip: needsRedis(),
}, async (t) => {
  const redis = await RedisProcess.start(['--requirepass', 'n0body'])
  t.after(() => redis.stop())
  const upstream = createServer((_, outgoing) => outgoing.end('ok'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const registry = await startRegistry({ port: 0 })
  const consul = new ConsulClient({ address: registry.url })
  t.after(async () => {
    await consul.close()
    await registry.close()
    upstream.close()
    upstream.closeAllConnections()
  })
  const { port } = upstream.address() as AddressInfo
  await consul.put('/v1/agent/service/register', { ID: 'u1', Name: 'users', Address: '127.0.0.1', Port: port })
  const rateLimit = { requests: 100, seconds: 3600, by: 'route' }
  const config = { redis: { url: { env: 'TEST_REDIS' }, timeoutMs: 5000 }, routes: [{ to: 'users', rateLimit }] }
  await consul.kvPut('skein/gateway/edge', JSON.stringify(config))
  const env = { TEST_REDIS: `redis://:n0body@127.0.0.1:${redis.port}/2` }
  const edges = await Promise.all([gateway(t, registry.url, env), gateway(t, registry.url, env)])
  const flood = async (count: number) => {
    const statuses = await Promise.all(Array.from({ length: count }, (_, i) => statusOf(edges[i % 2]!.url)))
    assert.deepEqual(
      statuses.filter((status) => status !== 200 && status !== 429),
      [],
    )
    return statuses.filter((status) => status === 200).length
  }
  assert.equal(await flood(400), 100)
  for (const { admin } of edges) {
    assert.match(await textOf(`${admin}/metrics`), /skein_gateway_limits_counted_total\{by="redis"\} 200\n/)
  }
  await redis.signal('SIGKILL')
  // What a supervisor counts for its workers it begins to count now.
  const alone = (await flood(300)) + (await flood(300))
  assert.ok(alone >= 100 && alone <= 200, String(alone))
  await redis.start()
  await eventually('all four are back', async () =>
    edges.every(({ output }) => output().split('Redis is back').length === 3),
  )
  assert.equal(await flood(400), 100)
  for (const { output } of edges) assert.ok(!output().includes('n0body'))
})
