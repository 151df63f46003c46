/** The shop, run by `skein up` as a user runs it, while instances are scaled, killed, frozen and the registry dies. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import type { InstanceInfo } from '../../src/fleet/contract.ts'
import { assertAllAnswered, burst, startLoad } from '../support/load.ts'
import { alive, eventually, scratch, type Up, up } from '../support/up.ts'

const RATE = 500
const shop = '../../../examples/shop'

const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
import { fleet } from 'skein'
const env = { SHOP_DATA: import.meta.dirname }
export default fleet({
  services: {
    users: { entry: '${shop}/users/service.ts', instances: 2, env },
    orders: { entry: '${shop}/orders/service.ts', instances: 3, weight: [5, 1, 1], env },
  },
  registry: { port: ${registry} },
  gateway: {
    port: ${gateway},
    routes: [
      { path: '/user/*', to: 'users', balance: 'p2c' },
      { path: '/user/*', headers: { 'x-by': 'ip' }, to: 'users', balance: { policy: 'hash', on: 'ip' } },
      { path: '/order/*', to: 'orders', balance: 'weighted-round-robin' },
    ],
  },
})
`

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('the shop', { timeout: 240_000 }, () => {
  const { dir, remove } = scratch('shop')
  let shop: Up
  const ready = (service: string, count: number) =>
    eventually(`${count} ready ${service}`, async () => {
      const instances = (await shop.instances()).filter((i) => i.service === service && i.state === 'ready')
      return instances.length === count && instances
    })
  const picks = async (service: string): Promise<Record<string, number>> => {
    const found: Record<string, number> = {}
    for (const [, instance, value] of (await shop.gatewayMetrics()).matchAll(
      new RegExp(`skein_client_picks_total\\{service="${service}",policy="[^"]*",instance="([^"]*)"\\} (\\d+)`, 'g'),
    )) {
      found[instance!] = (found[instance!] ?? 0) + Number(value)
    }
    return found
  }
  /** The instance that answers each client address, asked one after the other. */
  const instancesOf = async (clients: readonly string[]): Promise<Record<string, string>> => {
    const found: Record<string, string> = {}
    let before = await picks('users')
    for (const client of clients) {
      const dispatcher = new Agent({ localAddress: client })
      const answer = await request(`${shop.gateway}/user/1`, { dispatcher, headers: { 'x-by': 'ip' } })
      await answer.body.dump()
      assert.equal(answer.statusCode, 200)
      await dispatcher.close()
      const now = await picks('users')
      found[client] = Object.keys(now).find((id) => now[id] !== before[id])!
      before = now
    }
    return found
  }
  const load = (path: string) => startLoad({ url: shop.gateway + path, ratePerSecond: RATE })
  const pidOf = (instances: readonly InstanceInfo[], id: string) => instances.find((i) => i.id === id)!.pid!

  before(async () => {
    shop = await up(dir, config, ['/user/1', '/order/1'])
  })
  after(async () => {
    await shop?.end('SIGTERM')
    remove()
  })

  test('answers with JSON: an order holds its user', async () => {
    const user = (await (await request(`${shop.gateway}/user/1`)).body.json()) as { id: string; name: string }
    const order = (await (await request(`${shop.gateway}/order/1`)).body.json()) as { user: { name: string } }
    assert.equal(typeof user.name, 'string')
    assert.equal(typeof order.user.name, 'string')
  })

  test('weights 5:1:1 over 7,000 requests are 5000, 1000, 1000 exactly', async () => {
    await ready('orders', 3)
    const start = await picks('orders')
    const statuses = await burst(`${shop.gateway}/order/1`, 7000)
    assert.ok(statuses.every((status) => status === 200))
    const end = await picks('orders')
    const counts = Object.fromEntries(Object.entries(end).map(([id, n]) => [id, n - (start[id] ?? 0)]))
    assert.deepEqual(counts, { 'orders-1': 5000, 'orders-2': 1000, 'orders-3': 1000 })
  })

  test('hash by IP keeps a client on its instance; one instance fewer moves only its clients', async () => {
    assert.equal((await shop.skein('scale', 'users=4')).code, 0)
    await ready('users', 4)
    const clients = Array.from({ length: 40 }, (_, i) => `127.0.0.${i + 2}`)
    const first = await instancesOf(clients)
    assert.equal(new Set(Object.values(first)).size, 4)
    assert.deepEqual(await instancesOf(clients), first)
    assert.equal((await shop.skein('stop', 'users-2')).code, 0)
    const second = await eventually('no client on users-2', async () => {
      const now = await instancesOf(clients)
      return !Object.values(now).includes('users-2') && now
    })
    for (const client of clients) if (first[client] !== 'users-2') assert.equal(second[client], first[client], client)
    assert.equal((await shop.skein('restart', 'users-2')).code, 0)
    assert.equal((await shop.skein('scale', 'users=2')).code, 0)
    await ready('users', 2)
  })

  test('scaling up and down under load fails no request, and the new instances take traffic', async () => {
    const running = load('/order/1')
    await pause(500)
    const scaled = await shop.skein('scale', 'orders=5')
    assert.equal(scaled.code, 0, scaled.stderr)
    await ready('orders', 5)
    await eventually('traffic on the new instances', async () => {
      const now = await picks('orders')
      return ['orders-4', 'orders-5'].every((id) => (now[id] ?? 0) > 0)
    })
    assert.equal((await shop.skein('scale', 'orders=2')).code, 0)
    await ready('orders', 2)
    await pause(500)
    assertAllAnswered(await running.stop())
    assert.equal((await shop.skein('scale', 'orders=3')).code, 0)
    await ready('orders', 3)
  })

  test('an instance killed with -9 under load fails no GET and comes back', async () => {
    const before = await ready('users', 2)
    const running = load('/user/1')
    await pause(500)
    const pid = pidOf(before, 'users-1')
    process.kill(pid, 'SIGKILL')
    const after = await eventually('users-1 back', async () => {
      const one = (await shop.instances()).find((i) => i.id === 'users-1')
      return one?.state === 'ready' && one.pid !== pid && one
    })
    assert.ok(after.restarts >= 1)
    const start = (await picks('users'))['users-1'] ?? 0
    await eventually('users-1 in rotation', async () => ((await picks('users'))['users-1'] ?? 0) > start)
    assertAllAnswered(await running.stop())
  })

  test('a frozen instance: no request fails after the first second', async () => {
    const pid = pidOf(await ready('users', 2), 'users-2')
    const running = load('/user/1')
    await pause(500)
    const frozenAt = performance.now() - running.startedAt
    process.kill(pid, 'SIGSTOP')
    try {
      await pause(4000)
    } finally {
      if (alive(pid)) process.kill(pid, 'SIGCONT')
    }
    const result = await running.stop()
    const late = result.failures.filter(({ atMs }) => atMs > frozenAt + 1000)
    assert.deepEqual(late.slice(0, 5), [])
    await ready('users', 2)
  })

  test('the registry killed with -9 under load: no failed request, and everything is still there', async () => {
    const put = await request(`${shop.registry}/v1/kv/kept`, { method: 'PUT', body: 'yes' })
    assert.equal(await put.body.text(), 'true')
    const indexBefore = Number((await request(`${shop.registry}/v1/kv/kept`)).headers['x-consul-index'])
    const registry = (await shop.instances()).find((i) => i.service === 'registry')!
    const running = load('/order/1')
    await pause(500)
    process.kill(registry.pid!, 'SIGKILL')
    await pause(1500)
    const kept = await eventually('the registry back', async () => {
      const answer = await request(`${shop.registry}/v1/kv/kept?raw`)
      return (await answer.body.text()) === 'yes' && answer
    })
    assert.ok(Number(kept.headers['x-consul-index']) >= indexBefore)
    const users = (await (await request(`${shop.registry}/v1/health/service/users`)).body.json()) as unknown[]
    assert.equal(users.length, 2)
    await pause(2000)
    assertAllAnswered(await running.stop())
  })

  test('Ctrl-C ends everything and leaves no process', async () => {
    const pids = (await shop.instances()).map((i) => i.pid!).filter((pid) => pid !== undefined)
    assert.ok(pids.length >= 7, String(pids.length))
    const began = performance.now()
    const code = await shop.end('SIGINT')
    console.log(`# ended after ${Math.round(performance.now() - began)} ms with status ${code}`)
    assert.deepEqual(pids.filter(alive), [])
  })
})
