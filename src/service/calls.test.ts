/** Services that call each other through registry, discovery and balancer, as they do in production. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as z from 'zod'
import { CallError } from '../client/call-error.ts'
import { createCaller } from '../client/caller.ts'
import type { Caller } from '../client/contract.ts'
import { client, isCallError } from '../client/typed.ts'
import { SkeinError } from '../core/errors.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import type { Source } from '../discovery/contract.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { type RunningRegistry, startRegistry } from '../registry/index.ts'
import { op, service } from './define.ts'
import { type Started, start } from './harness.suite.ts'

let registry: RunningRegistry
let consul: ConsulClient
let source: Source
let caller: Caller

before(async () => {
  registry = await startRegistry({ port: 0 })
  consul = new ConsulClient({ address: registry.url })
  source = consulSource({ client: consul })
  caller = createCaller({ source })
})
after(async () => {
  await caller.close()
  await source.close()
  await consul.close()
  await registry.close()
})

const users = service('users', {
  get: op(
    { route: 'GET /user/:id', in: z.object({ id: z.int(), tags: z.array(z.string()) }), errors: { NotFound: 404 } },
    ({ id, tags }, ctx) =>
      id === 0 ? ctx.fail('NotFound', 'nobody', { id }) : { id, tags, trace: ctx.traceId, left: ctx.deadline },
  ),
  who: op({ route: 'GET /who' }, (_, ctx) => ctx.requestId),
})

const orders = service('orders', {
  get: op({ route: 'GET /order/:id', in: z.object({ id: z.int() }) }, async ({ id }, ctx) => ({
    trace: ctx.traceId,
    user: await usersClient().get({ id, tags: [] }),
    requestId: await usersClient().who(),
  })),
})

const usersClient = () => client<typeof users>('users', { caller, consul })
const ordersClient = () => client<typeof orders>('orders', { caller, consul })
const join = (servable: typeof users | typeof orders, instance: string) =>
  start(servable, { registry: registry.url, instance, drainDelayMs: 50 })

describe('a typed call', () => {
  let instances: Started[]
  before(async () => {
    instances = [await join(users, 'users-1'), await join(users, 'users-2'), await join(orders, 'orders-1')]
  })
  after(() => Promise.all(instances.map((instance) => instance.close())))

  test('brings input there and output back', async () => {
    const { id, tags } = await usersClient().get({ id: 7, tags: ['a', 'b'] })
    assert.deepEqual([id, tags], [7, ['a', 'b']])
  })

  test('throws a declared error with its code and details', async () => {
    const { get } = usersClient()
    await assert.rejects(get({ id: 0, tags: [] }), (error) => {
      assert.ok(error instanceof CallError && isCallError(error, get))
      assert.deepEqual([error.code, error.status, error.details], ['NotFound', 404, { id: 0 }])
      return true
    })
  })

  test("throws Skein's own errors as SkeinError, with the issues", async () => {
    const wrong = usersClient().get({ id: 1.5, tags: [] })
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof SkeinError)
      assert.equal(error.code, 'INVALID_INPUT')
      assert.equal((error.details['issues'] as { path: string }[])[0]!.path, 'id')
      return true
    })
  })

  test('made in a handler belongs to the same trace and request, within the same deadline', async () => {
    const headers = { 'x-request-id': 'r-7' }
    const { trace, user, requestId } = await ordersClient().get({ id: 1 }, { deadlineMs: 3000, headers })
    assert.equal(user.trace, trace)
    assert.equal(requestId, 'r-7')
    assert.ok(user.left! > 0 && user.left! < 3000)
  })

  test("a called service's declared error, not caught, is the calling handler's fault", async () => {
    await assert.rejects(ordersClient().get({ id: 0 }), { code: 'INTERNAL' })
  })
})

test("what another service's instance said of itself is not said of this one where its answer is passed on", async (t) => {
  const passing = service('passing', {
    on: op({ route: 'POST /on/:code', in: z.object({ code: z.string() }) }, ({ code }) => {
      const headers = { 'x-skein-error': code, 'x-kept': '1' }
      return new Response('no', { status: 503, headers })
    }),
  })
  const running = await start(passing)
  t.after(() => running.close())
  const said = async (code: string) => (await running.ask(`POST /on/${code}`)).headers.get('x-skein-error')
  assert.deepEqual(await Promise.all(['SHUTTING_DOWN', 'OVERLOADED', 'UNREACHABLE', 'constructor'].map(said)), [
    ...['UPSTREAM_FAILED', 'UPSTREAM_OVERLOADED', 'UNREACHABLE', 'constructor'],
  ])
})

test('where the registry is, nobody outside is told', async (t) => {
  const lost = service('lost', {
    ask: op(
      { route: 'POST /ask/:code', in: z.object({ code: z.enum(['REGISTRY_UNAVAILABLE', 'UNKNOWN_CONTRACT']) }) },
      ({ code }) => {
        throw new SkeinError(code, 'the registry at http://10.1.2.3:8500 does not answer')
      },
    ),
  })
  const running = await start(lost)
  t.after(() => running.close())
  for (const code of ['REGISTRY_UNAVAILABLE', 'UNKNOWN_CONTRACT']) {
    const text = JSON.stringify((await running.ask(`POST /ask/${code}`)).body)
    assert.match(text, new RegExp(`"${code}".*lost: `))
    assert.doesNotMatch(text, /10\.1\.2\.3/)
  }
})

test('an instance that closes under load costs no call', async () => {
  const [one, two] = [await join(users, 'users-3'), await join(users, 'users-4')]
  let going = true
  let calls = 0
  const worker = async () => {
    for (; going; calls++) await usersClient().get({ id: 1, tags: [] })
  }
  const workers = Promise.all(Array.from({ length: 16 }, worker))
  while (calls < 200) await new Promise((resolve) => setImmediate(resolve))
  await one.close()
  const atClose = calls
  while (calls < atClose + 200) await new Promise((resolve) => setImmediate(resolve))
  going = false
  await workers
  await two.close()
})
