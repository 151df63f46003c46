/** Several addresses of one registry. `random` near 1 keeps the order in which they are given. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { freePort } from '../core/free-port.ts'
import { seeded } from '../core/random.ts'
import { ConsulClient } from './consul-client.ts'
import { Failover } from './failover.ts'
import { ids, instance, type ScriptedRegistry, startScriptedRegistry, until, WatchedClock } from './kit.suite.ts'
import { consulSource } from './source/consul.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const IN_ORDER = () => 0.999

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server made of one function, and the requests it saw. */
async function server(t: TestContext, answer: Answer) {
  const seen: string[] = []
  const it = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>((resolve) => it.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    it.closeAllConnections()
    it.close()
  })
  return { url: `http://127.0.0.1:${(it.address() as AddressInfo).port}`, seen, set: (next: Answer) => (answer = next) }
}

function clientOf(t: TestContext, addresses: readonly string[], clock?: VirtualClock): ConsulClient {
  const client = new ConsulClient({ address: addresses.join(','), random: IN_ORDER, clock })
  t.after(() => client.close())
  return client
}

const well: Answer = (_, response) => response.end('{}')
const broken: Answer = (_, response) => response.writeHead(500).end('No cluster leader')
const resets: Answer = (request) => request.socket.resetAndDestroy()

async function refusing(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

test('a registry that refuses: the next one answers at once, and is stayed with', async (t) => {
  const b = await server(t, well)
  const client = clientOf(t, [await refusing(), b.url])
  for (let i = 0; i < 3; i++) assert.equal((await client.get('/v1/x')).registry, b.url)
  assert.equal((await client.put('/v1/agent/service/register', {})).status, 200)
  assert.equal(b.seen.length, 4)
})

for (const [what, answer] of Object.entries({ broken, resets })) {
  test(`a registry that ${what}: reads and repeatable writes go to the next one, which is stayed with`, async (t) => {
    const [a, b] = [await server(t, answer), await server(t, well)]
    const reading = clientOf(t, [a.url, b.url])
    assert.equal((await reading.get('/v1/x')).status, 200)
    const writing = clientOf(t, [a.url, b.url])
    await writing.kvPut('a', 'b')
    await writing.delete('/v1/kv/a')
    assert.deepEqual([a.seen, b.seen.length], [['GET /v1/x', 'PUT /v1/kv/a'], 3])
    a.set(well)
    await reading.get('/v1/x')
    assert.equal(a.seen.length, 2, 'it goes back to none')
  })

  test(`a registry that ${what}: what may have been done is not done again elsewhere`, async (t) => {
    const [a, b] = [await server(t, answer), await server(t, well)]
    const client = clientOf(t, [a.url, b.url])
    const writes = ['/v1/session/create', '/v1/event/fire/x', '/v1/kv/a?cas=0', '/v1/kv/a?acquire=s', '/v1/agent/leave']
    for (const path of writes) await assert.rejects(client.put(path), { code: 'REGISTRY_UNAVAILABLE' })
    assert.deepEqual([a.seen.length, b.seen.length], [writes.length, 0])
    const nobody = clientOf(t, [await refusing(), b.url])
    for (const path of writes) assert.equal((await nobody.put(path)).status, 200)
  })
}

test('a registry that hangs is given two seconds, and then nothing waits for it again', async (t) => {
  const clock = new VirtualClock()
  const arrived = Promise.withResolvers<void>()
  const [a, b] = [await server(t, () => arrived.resolve()), await server(t, well)]
  const client = clientOf(t, [a.url, b.url], clock)
  const asking = client.get('/v1/x')
  await arrived.promise
  clock.advance(1_999)
  await new Promise(setImmediate)
  assert.equal(b.seen.length, 0)
  clock.advance(1)
  assert.equal((await asking).registry, b.url)
  assert.equal((await client.get('/v1/x')).registry, b.url)
  assert.equal(a.seen.length, 1)
})

test('a short time-out is shared: 1 s over two addresses is half a second each', async (t) => {
  const clock = new VirtualClock()
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const [a, b] = await Promise.all(arrived.map(({ resolve }) => server(t, () => resolve())))
  const client = clientOf(t, [a!.url, b!.url], clock)
  const asking = client.put('/v1/agent/service/deregister/u', undefined, { timeoutMs: 1_000 })
  const failed = assert.rejects(asking, /no answer in 500 ms; http:\S+: no answer in 500 ms/)
  await arrived[0]!.promise
  clock.advance(500)
  await arrived[1]!.promise
  clock.advance(500)
  await failed
})

test('when all fail the error says what each did, none is moved to, and the log is silent', async (t) => {
  const [a, b] = [await server(t, broken), await server(t, resets)]
  const client = clientOf(t, [a.url, b.url])
  for (let i = 0; i < 2; i++) {
    await assert.rejects(client.get('/v1/x'), (error: Error) => {
      assert.ok(error.message.startsWith(`registry at ${a.url},${b.url}: GET /v1/x: ${a.url}: status 500: No cluster`))
      assert.match(error.message, /; http:\S+: (?:read ECONNRESET|other side closed)/)
      return true
    })
  }
  assert.deepEqual([a.seen.length, b.seen.length], [2, 2])
  b.set(well)
  assert.equal((await client.get('/v1/x')).registry, b.url)
})

const withoutStore: Answer = (_, response) => response.setHeader('X-Consul-KnownLeader', 'false').end('"old"')

test('a registry that has lost its store is left for one that has not; where none has it, its answer is taken', async (t) => {
  const [a, b] = [await server(t, withoutStore), await server(t, well)]
  const client = clientOf(t, [a.url, b.url])
  for (let i = 0; i < 2; i++) assert.equal((await client.get('/v1/x')).registry, b.url)
  assert.equal(a.seen.length, 1)
  b.set(withoutStore)
  assert.equal((await client.get('/v1/x')).body, 'old')
  assert.equal((await client.get('/v1/x', { index: 1 })).body, 'old')
  const alone = clientOf(t, [a.url])
  assert.equal((await alone.get('/v1/x')).body, 'old')
  assert.equal((await alone.get('/v1/x', { index: 1 })).body, 'old')
})

test('an answer below 500 is an answer: nobody else is asked', async (t) => {
  const [a, b] = [await server(t, (_, response) => response.writeHead(403).end('no')), await server(t, well)]
  const client = clientOf(t, [a.url, b.url])
  assert.equal((await client.put('/v1/agent/check/pass/x')).status, 403)
  assert.equal(b.seen.length, 0)
})

test('many requests that fail together move on together, by one address', async (t) => {
  const [a, b, c] = [await server(t, resets), await server(t, well), await server(t, well)]
  const client = clientOf(t, [a.url, b.url, c.url])
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.get('/v1/x')))
  assert.deepEqual(new Set(answers.map(({ registry }) => registry)), new Set([b.url]))
})

test(`clients begin at different addresses, and those of one that dies go to different others (SKEIN_SEED=${SEED})`, () => {
  const random = seeded(SEED)
  const first = new Map<string, number>()
  const second = new Map<string, number>()
  for (let i = 0; i < 3_000; i++) {
    const client = new Failover(['a', 'b', 'c'], random)
    first.set(client.first, (first.get(client.first) ?? 0) + 1)
    if (client.first !== 'a') continue
    client.moveTo(client.turn[1]!, new Set(['a']))
    second.set(client.first, (second.get(client.first) ?? 0) + 1)
  }
  for (const count of first.values()) assert.ok(Math.abs(count - 1_000) < 130, `first: ${[...first]}`)
  assert.deepEqual([...second.keys()].sort(), ['b', 'c'])
  for (const count of second.values()) assert.ok(Math.abs(count - 500) < 130, `second: ${[...second]}`)
})

test('what is held open is not given up when it is quiet, and is asked for nowhere else when it breaks', async (t) => {
  const clock = new VirtualClock()
  const held = Promise.withResolvers<ServerResponse>()
  const [a, b] = [await server(t, (_, response) => held.resolve(response)), await server(t, well)]
  const client = clientOf(t, [a.url, b.url], clock)
  const holding = client.hold('/v1/skein/lease', new AbortController().signal)
  const response = await held.promise
  clock.advance(23 * 3_600_000)
  await new Promise(setImmediate)
  response.end('over')
  assert.equal((await holding).status, 200)
  a.set(resets)
  await assert.rejects(client.hold('/v1/skein/lease', new AbortController().signal), { code: 'REGISTRY_UNAVAILABLE' })
  const stop = new AbortController()
  a.set(() => stop.abort(new Error('enough')))
  await assert.rejects(client.hold('/v1/skein/lease', stop.signal), /enough/)
  assert.deepEqual([a.seen.length, b.seen.length], [3, 0])
})

interface Pair {
  readonly a: ScriptedRegistry
  readonly b: ScriptedRegistry
  readonly clock: WatchedClock
  readonly client: ConsulClient
}

async function pair(t: TestContext, atA = [instance('u1'), instance('u2')], atB = atA, indexB = 10): Promise<Pair> {
  const [a, b] = [await startScriptedRegistry(atA, 10), await startScriptedRegistry(atB, indexB)]
  const clock = new WatchedClock()
  const client = clientOf(t, [a.url, b.url], clock)
  t.after(() => Promise.all([a.down(), b.down()]))
  return { a, b, clock, client }
}

function watchOf(t: TestContext, { client, clock }: Pair) {
  const source = consulSource({ client, clock, random: IN_ORDER })
  t.after(() => source.close())
  return source.watch('users')
}

/** Lets the time pass over which watches that move on are spread. */
async function passSpread(clock: WatchedClock): Promise<void> {
  await clock.timer(999)
  clock.advance(999)
}

test('a watch whose registry dies goes on at the other one, is never stale, and asks it anew', async (t) => {
  const all = await pair(t)
  const watch = watchOf(t, all)
  const before = await watch.ready()
  await all.a.requests(2)
  const stop = watch.subscribe((snapshot) => assert.equal(snapshot.stale, false))
  await all.a.down()
  await passSpread(all.clock)
  await all.b.requests(2)
  assert.deepEqual(all.b.asked, [0, 10])
  assert.equal(watch.current(), before)
  all.b.set([instance('u1'), instance('u2'), instance('u3')])
  await until(watch, ({ instances }) => instances.length === 3)
  stop()
})

test('a registry that is behind is asked by its own index; what it lacks is held', async (t) => {
  const all = await pair(t, undefined, [instance('u1')], 3)
  const watch = watchOf(t, all)
  await watch.ready()
  await all.a.requests(2)
  await all.a.down()
  await passSpread(all.clock)
  await all.b.requests(3)
  assert.deepEqual(all.b.asked, [0, 0, 3])
  assert.deepEqual(ids(watch.current()), ['u1', 'u2'])
})

test('an index learnt from one registry is not waited with at another', async (t) => {
  const { a, b, client } = await pair(t, undefined, undefined, 3)
  assert.equal((await client.get('/v1/health/service/users')).index, 10)
  a.behave('error')
  await client.get('/v1/health/service/users')
  const { index, registry } = await client.get('/v1/health/service/users', { index: 10, waitMs: 30_000 })
  assert.deepEqual([index, registry], [3, b.url])
  assert.deepEqual(b.asked, [0, 0])
})

test('a registry that freezes with watches waiting is left within seconds', async (t) => {
  const all = await pair(t)
  const watch = watchOf(t, all)
  await watch.ready()
  await all.a.requests(2)
  all.a.freeze()
  all.clock.advance(5_500)
  await all.a.requests(3)
  all.clock.advance(2_000)
  await passSpread(all.clock)
  await all.b.requests(2)
  assert.equal(watch.current()?.stale, false)
  all.b.set([instance('u9')])
  await until(watch, ({ instances }) => instances.some(({ id }) => id === 'u9'))
})

test('what is no registry is left for the next address', async (t) => {
  const all = await pair(t)
  all.a.behave('garbage')
  const watch = watchOf(t, all)
  await all.clock.timer(250)
  all.clock.advance(250)
  assert.deepEqual(ids(await watch.ready()), ['u1', 'u2'])
})

test('with all away the last set stays; whichever is back first is used', async (t) => {
  const all = await pair(t)
  const watch = watchOf(t, all)
  const { instances } = await watch.ready()
  await all.a.requests(2)
  await Promise.all([all.a.down(), all.b.down()])
  await passSpread(all.clock)
  await until(watch, (snapshot) => snapshot.stale)
  assert.equal(watch.current()?.instances, instances)
  await all.b.up()
  await all.clock.timer(250)
  all.clock.advance(250)
  await until(watch, (snapshot) => !snapshot.stale)
  assert.deepEqual([watch.current()?.stale, watch.current()?.instances], [false, instances])
})

test('a client that is closed while a watch moves on tries nobody else', async (t) => {
  const { a, b, client } = await pair(t)
  await client.get('/v1/health/service/users')
  const waiting = assert.rejects(
    client.get('/v1/health/service/users', { index: 10 }),
    /REGISTRY_UNAVAILABLE|registry at/,
  )
  await a.requests(2)
  await client.close()
  await waiting
  assert.equal(b.asked.length, 0)
})
