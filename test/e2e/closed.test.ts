/** A closed cluster: `skein up` with `registry: { acl: true }` runs as before, and nobody else gets in. */
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { eventually, scratch, type Up, up } from '../support/up.ts'

const USERS = `
import { op, service } from 'skein'
import * as z from 'zod'
export default service('users', {
  get: op({ route: 'GET /user/:id', in: z.object({ id: z.string() }), out: z.object({ name: z.string() }) }, ({ id }) => ({ name: 'user ' + id })),
})
`
/** Calls users, and tries what its token must not let it do. */
const ORDERS = `
import { client, op, service } from 'skein'
import * as z from 'zod'
import type users from './users.ts'
const usersClient = client<typeof users>('users')
const put = async (path: string, body: string) =>
  (await fetch(process.env.SKEIN_REGISTRY + path, { method: 'PUT', body, headers: { 'x-consul-token': process.env.SKEIN_REGISTRY_TOKEN! } })).status
export default service('orders', {
  get: op({ route: 'GET /order/:id', in: z.object({ id: z.string() }), out: z.object({ user: z.string() }) },
    async ({ id }) => ({ user: (await usersClient.get({ id })).name })),
  misuse: op({ route: 'GET /misuse', in: z.object({}), out: z.object({ statuses: z.array(z.number()) }) },
    async () => ({ statuses: [
      await put('/v1/agent/service/register', '{"Name":"users"}'),
      await put('/v1/kv/skein/gateway/default', '{}'),
      await put('/v1/kv/skein/contracts/users', '{}'),
      await put('/v1/acl/token', '{}'),
    ] })),
})
`
const FOREIGN = `
const http = require('node:http')
http.createServer((request, response) => response.end(String(process.env.CONSUL_HTTP_TOKEN?.length))).listen(Number(process.env.PORT), '127.0.0.1')
`

const config = ({ gateway, registry }: { gateway: number; registry: number }, more = '', route = '') => `
import { fleet } from 'skein'
export default fleet({
  services: {
    users: { entry: './users.ts', instances: 2 },
    orders: { entry: './orders.ts' },
    foreign: { command: 'node foreign.cjs' },
    ${more}
  },
  registry: { port: ${registry}, acl: true },
  gateway: { port: ${gateway}, routes: [{ path: '/user/*', to: 'users' }, { path: '/order/*', to: 'orders' }, { path: '/misuse', to: 'orders' },
    { path: '/foreign', to: 'foreign' }, ${route}] },
})
`

describe('a closed fleet', { timeout: 180_000 }, () => {
  const { dir, remove } = scratch('closed')
  let running: Up
  let ports: { gateway: number; registry: number }
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const answer = await request(url, { headers })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  before(async () => {
    writeFileSync(path.join(dir, 'users.ts'), USERS)
    writeFileSync(path.join(dir, 'orders.ts'), ORDERS)
    writeFileSync(path.join(dir, 'foreign.cjs'), FOREIGN)
    running = await up(
      dir,
      (free) => {
        ports = free
        return config(free)
      },
      ['/user/1', '/order/1', '/foreign'],
    )
  })
  after(async () => {
    await running?.end()
    remove()
  })

  test('services find and call each other, and the gateway finds them', async () => {
    assert.equal((await get(`${running.gateway}/order/7`)).text, '{"user":"user 7"}')
    assert.equal((await get(`${running.gateway}/foreign`)).text, '36')
  })

  test('a service may not do what is not its work', async () => {
    assert.deepEqual(JSON.parse((await get(`${running.gateway}/misuse`)).text), { statuses: [403, 403, 403, 403] })
  })

  test('without a token nobody sees or changes anything', async () => {
    assert.equal((await get(`${running.registry}/v1/catalog/services`)).text, '{}')
    assert.equal((await get(`${running.registry}/v1/kv/skein/gateway/default`)).status, 403)
    assert.equal((await get(`${running.registry}/metrics`)).status, 403)
  })

  test("the commands beside it have the fleet's token, from a file that is the user's alone", async () => {
    const file = path.join(dir, '.skein/run.json')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const { stdout } = await running.skein('ps', '--json')
    assert.ok(JSON.parse(stdout).instances.length >= 3)
    assert.ok(!stdout.includes('token'))
    assert.deepEqual(JSON.parse((await running.skein('call', 'users.get', '--id', '3', '--json')).stdout), {
      name: 'user 3',
    })
  })

  test('a service that comes while it runs has a token of its own', async () => {
    writeFileSync(path.join(dir, 'late.ts'), USERS.replaceAll("'users'", "'late'").replaceAll('/user/', '/late/'))
    const changed = config(ports, `late: { entry: './late.ts' },`, `{ path: '/late/*', to: 'late' },`)
    writeFileSync(path.join(dir, 'skein.config.ts'), changed)
    await eventually('the new service answers', async () => (await get(`${running.gateway}/late/1`)).status === 200)
  })

  test('a registry that is killed comes back closed, and all goes on', async () => {
    const { pid } = (await running.instances()).find(({ service }) => service === 'registry')!
    process.kill(pid!, 'SIGKILL')
    await eventually(
      'the registry is back',
      async () => (await get(`${running.registry}/v1/status/leader`)).status === 200,
    )
    assert.equal((await get(`${running.registry}/v1/catalog/services`)).text, '{}')
    assert.equal((await get(`${running.gateway}/order/8`)).status, 200)
    await running.skein('restart', 'users')
    assert.equal((await get(`${running.gateway}/user/8`)).status, 200)
  })

  test('no secret in what it printed', () => {
    assert.doesNotMatch(running.output(), /SKEIN_REGISTRY_TOKEN|CONSUL_HTTP_TOKEN|"token"/i)
  })
})
