/** The registry of a fleet is frozen: processes that start meanwhile call by what those before them knew. */
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { request } from 'undici'
import { eventually, freePort, scratch, up } from '../support/up.ts'

const USERS = `
import { op, service } from 'skein'
import * as z from 'zod'
const In = z.object({ id: z.string() })
export default service('users', { get: op({ route: 'GET /user/:id', in: In }, ({ id }) => ({ id, name: 'Ada' })) })
`
const ORDERS = `
import { client, op, service } from 'skein'
import * as z from 'zod'
const In = z.object({ id: z.string() })
const users = client('users')
export default service('orders', {
  get: op({ route: 'GET /order/:id', in: In }, async ({ id }) => ({ id, pid: process.pid, user: await users.get({ id }) })),
})
`

test('with the registry frozen a service and the gateway are killed: both come back and go on', {
  timeout: 120_000,
}, async (t) => {
  const { dir, remove } = scratch('frozen')
  t.after(remove)
  writeFileSync(path.join(dir, 'users.ts'), USERS)
  writeFileSync(path.join(dir, 'orders.ts'), ORDERS)
  const port = await freePort()
  const config = ({ gateway, registry }: { gateway: number; registry: number }) => `
    import { fleet } from 'skein'
    export default fleet({
      services: { users: { entry: './users.ts', instances: 2 }, orders: { entry: './orders.ts', port: ${port} } },
      registry: { port: ${registry}, dnsPort: 'off' },
      gateway: { port: ${gateway}, routes: [{ path: '/user/*', to: 'users' }, { path: '/order/*', to: 'orders' }] },
    })`
  const running = await up(dir, config, ['/user/1', '/order/1'])
  t.after(() => running.end('SIGTERM'))
  const order = async () => {
    const answer = await request(`${running.gateway}/order/1`, { headersTimeout: 6_000 })
    const body = (await answer.body.json()) as { pid: number; user?: { name: string } }
    return answer.statusCode === 200 && body
  }
  const pids = Object.fromEntries((await running.instances()).map(({ id, pid }) => [id, pid!]))
  const kept = ['contracts/users', 'instances/users', 'instances/orders', 'skein/gateway/default']
  await eventually('what is known to be in files', async () => {
    const files = readdirSync(path.join(dir, '.skein/snapshots')).map(decodeURIComponent)
    return kept.every((name) => files.includes(`${name}.skein-snapshot`))
  })

  const { 'registry-1': registry = 0, 'orders-1': orders = 0, 'gateway-1': gateway = 0 } = pids
  process.kill(registry, 'SIGSTOP')
  try {
    process.kill(orders, 'SIGKILL')
    const after = await eventually('an order from a new process', async () => {
      const answer = await order()
      return answer && answer.pid !== orders && answer
    })
    assert.equal(after.user?.name, 'Ada')
    process.kill(gateway, 'SIGKILL')
    await eventually('the gateway to have gone', async () => {
      const gone = await request(`${running.gateway}/user/1`).then(
        () => false,
        () => true,
      )
      return gone
    })
    await eventually('an order through a new gateway', order)
  } finally {
    process.kill(registry, 'SIGCONT')
  }
  await eventually('everything registered', async () => {
    const answer = await request(`${running.registry}/v1/health/service/orders?passing`)
    return ((await answer.body.json()) as unknown[]).length === 1
  })
})
