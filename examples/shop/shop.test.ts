/** The operations of the shop, by typed calls over HTTP; how it behaves under trouble is tested in test/e2e/. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type CallError, type Client, client, SkeinError } from 'skein'
import { createCaller } from 'skein/client'
import { ConsulClient, consulSource } from 'skein/discovery'
import { type RunningRegistry, startRegistry } from 'skein/registry'
import type orders from './orders/service.ts'
import type users from './users/service.ts'

/** Serves one service in a process of its own; resolves when it is registered. */
async function start(name: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const script = `import { serve } from 'skein'; await serve((await import('./${name}/service.ts')).default); console.log('serves')`
  const args = ['--input-type=module', '--eval', script]
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, args, {
    cwd: import.meta.dirname,
    env: { ...process.env, ...env },
    stdio: [...stdio],
  })
  await Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => assert.fail(`${name} ended`))])
  return child
}

describe('the shop', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-shop-'))
  const services: ChildProcess[] = []
  let usersClient: Client<typeof users>
  let ordersClient: Client<typeof orders>
  let close: () => Promise<void>

  before(async () => {
    const registry: RunningRegistry = await startRegistry({ port: 0 })
    const consul = new ConsulClient({ address: registry.url })
    const source = consulSource({ client: consul })
    const caller = createCaller({ source })
    usersClient = client<typeof users>('users', { caller, consul })
    ordersClient = client<typeof orders>('orders', { caller, consul })
    close = async () => {
      await caller.close()
      await source.close()
      await consul.close()
      await registry.close()
    }
    const env = { SKEIN_REGISTRY: registry.url, SKEIN_LOG_LEVEL: 'silent', SHOP_DATA: folder, DATABASE_URL: undefined }
    services.push(...(await Promise.all(['users', 'orders'].map((name) => start(name, env)))))
  })
  after(async () => {
    await Promise.all(services.map((child) => child.kill('SIGTERM') && once(child, 'exit')))
    await close?.()
    rmSync(folder, { recursive: true })
  })

  const declared = (code: string, status: number) => (error: CallError) => {
    assert.deepEqual([error.code, error.status], [code, status])
    return true
  }

  test('an order comes with its user', async () => {
    const order = await ordersClient.get({ id: '1' })
    assert.deepEqual(order, {
      id: '1',
      userId: '1',
      item: 'punched cards',
      quantity: 500,
      user: { id: '1', name: 'Ada Lovelace', email: 'ada@example.com' },
    })
  })

  test('users are made, listed and found; an address is given once', async () => {
    const alan = await usersClient.create({ name: 'Alan', email: 'alan@example.com' })
    assert.deepEqual(await usersClient.get({ id: alan.id }), alan)
    assert.deepEqual(
      (await usersClient.list({ limit: '2' })).map(({ name }) => name),
      ['Ada Lovelace', 'Alan'],
    )
    await assert.rejects(
      usersClient.create({ name: 'Another', email: 'alan@example.com' }),
      declared('EmailTaken', 409),
    )
    await assert.rejects(usersClient.get({ id: 'none' }), declared('NotFound', 404))
  })

  test('orders are made for users who are there', async () => {
    const order = await ordersClient.create({ userId: '2', item: 'compiler', quantity: 1 })
    assert.equal((await ordersClient.get({ id: order.id })).user.name, 'Grace Hopper')
    assert.ok((await ordersClient.list({})).some(({ id }) => id === order.id))
    const nobodys = ordersClient.create({ userId: 'none', item: 'compiler', quantity: 1 })
    await assert.rejects(nobodys, declared('NoSuchUser', 422))
  })

  test('input that the schema refuses does not reach the database', async () => {
    await assert.rejects(ordersClient.create({ userId: '1', item: 'x', quantity: 0 }), (error: SkeinError) => {
      assert.ok(error instanceof SkeinError)
      assert.equal(error.code, 'INVALID_INPUT')
      return true
    })
  })
})
