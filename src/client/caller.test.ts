import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createH2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Clock, systemClock, type Timer, VirtualClock } from '../core/clock.ts'
import { runInContext } from '../core/context.ts'
import type { SkeinError } from '../core/errors.ts'
import type { Snapshot } from '../discovery/contract.ts'
import { staticSource } from '../discovery/source/static.ts'
import { PublishedWatch } from '../discovery/watch.ts'
import { Metrics } from '../telemetry/metrics.ts'
import type { BodySource } from '../wire/body.ts'
import { readAll } from '../wire/incoming.ts'
import { createCaller, type SharedHealth } from './caller.ts'
import {
  describe,
  eventually,
  get,
  hang,
  inFlight,
  ok,
  refusing,
  reset,
  scene,
  startInstance,
  text,
} from './kit.suite.ts'

test('weighted round robin is exact: 700 calls over weights 5, 1, 1', async (t) => {
  const weights = [5, 1, 1]
  const { caller, order, metrics } = await scene(t, [ok, ok, ok], {
    each: (i) => ({ weight: weights[i]! }),
    defaults: { balance: 'weighted-round-robin' },
  })
  for (let i = 0; i < 70; i++) {
    const calls = Array.from({ length: 10 }, async () => text((await caller.request(get())).body))
    await Promise.all(calls)
  }
  const counts = ['u1', 'u2', 'u3'].map((id) => order.filter((one) => one === id).length)
  assert.deepEqual(counts, [500, 100, 100])
  assert.match(
    metrics.toText(),
    /skein_client_picks_total\{service="users",policy="weighted-round-robin",instance="u1"\} 500/,
  )
})

test('a policy of a call keeps its place between calls; two policies do not disturb each other', async (t) => {
  const { caller, order } = await scene(t, [ok, ok])
  for (const balance of ['round-robin', 'weighted-round-robin', 'round-robin', 'weighted-round-robin'] as const) {
    await text((await caller.request(get({ policy: { balance } }))).body)
  }
  assert.deepEqual(new Set([order[0], order[2]]).size, 2)
  assert.deepEqual(new Set([order[1], order[3]]).size, 2)
})

test('the same hash key goes to the same instance', async (t) => {
  const { caller, order } = await scene(t, [ok, ok, ok], { defaults: { balance: { policy: 'hash', on: 'ip' } } })
  for (let i = 0; i < 10; i++) await text((await caller.request(get({ hashKey: '10.0.0.1' }))).body)
  assert.equal(new Set(order).size, 1)
})

test('an instance killed under load: no failed call', async (t) => {
  const { caller, live } = await scene(t, [ok, ok, ok], { defaults: {} })
  const statuses: number[] = []
  const worker = async () => {
    for (let i = 0; i < 100; i++) {
      const { status, body } = await caller.request(get())
      await text(body)
      statuses.push(status)
      if (statuses.length === 200) await live[0]?.kill()
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(statuses.length, 800)
})

test('the books are even after every way in which a call can end', async (t) => {
  const cut: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half', () => response.socket?.resetAndDestroy())
  }
  const garbage: RequestListener = (request) => request.socket.end('nonsense\r\n\r\n')
  const endless: RequestListener = (_, response) => void response.write('x')
  const empty: RequestListener = (_, response) => void response.writeHead(204).end()
  const ways: Record<string, RequestListener> = { ok, reset, cut, garbage, endless, empty, hang }
  const answer: RequestListener = (request, response) => ways[request.url!.slice(1)]!(request, response)
  const { caller, metrics, order, arrivals } = await scene(t, [answer])
  const policy = { attempts: 1 }
  const call = (path: string, changes = {}) => caller.request(get({ path, policy, ...changes }))

  await text((await call('/ok')).body)
  await call('/ok', { method: 'HEAD' })
  await call('/empty')
  await assert.rejects(call('/reset', { method: 'POST' }), { code: 'UPSTREAM_FAILED' })
  await assert.rejects(call('/garbage', { method: 'POST' }), { code: 'UPSTREAM_FAILED' })
  await assert.rejects(text((await call('/cut')).body), { code: 'UPSTREAM_FAILED' })
  await assert.rejects(call('/hang', { policy: { attempts: 1, attemptTimeoutMs: 30 } }), { code: 'DEADLINE_EXCEEDED' })
  await assert.rejects(call('/ok', { headers: ['bad name', 'x'] }), { code: 'BAD_REQUEST' })
  ;(await call('/endless')).body.destroy()
  const stop = new AbortController()
  const before = order.length
  const aborted = call('/hang', { signal: stop.signal, policy: {} })
  await arrivals(before + 1)
  stop.abort()
  await assert.rejects(aborted, { code: 'CANCELLED' })

  await eventually(async () => (await inFlight(caller)) === 0)
  assert.match(metrics.toText(), /skein_client_in_flight_requests\{service="users",instance="u1"\} 0/)
})

test('a refused connection leaves the books even', async () => {
  const caller = createCaller({ source: staticSource([await refusing('u1')]), metrics: new Metrics() })
  await assert.rejects(caller.request(get()), (error: SkeinError) => {
    assert.equal(error.code, 'UNREACHABLE')
    assert.match(error.message, /service "users": u1 \(127\.0\.0\.1:\d+\) cannot be reached: connect ECONNREFUSED/)
    assert.equal((error.details['attempts'] as unknown[]).length, 3)
    return true
  })
  assert.equal(await inFlight(caller), 0)
  await caller.close()
})

test('cancelled calls are not held against an instance, failed ones are: five eject it', async (t) => {
  const answer: RequestListener = (request, response) =>
    request.url === '/hang' ? undefined : void response.writeHead(500).end()
  const { caller, arrivals, metrics } = await scene(t, [answer, ok], { clock: new VirtualClock() })
  for (let i = 1; i <= 6; i++) {
    const stop = new AbortController()
    const calls = [0, 1].map(() => caller.request(get({ path: '/hang', signal: stop.signal })))
    const ended = Promise.allSettled(calls)
    await arrivals(2 * i)
    stop.abort()
    await ended
  }
  assert.ok((await caller.inspect('users')).every(({ eligible }) => eligible))
  for (let i = 0; i < 10; i++) (await caller.request(get())).body.resume()
  const [bad, good] = await caller.inspect('users')
  assert.match(bad?.reason ?? '', /5 failures/)
  assert.equal(good?.eligible, true)
  assert.match(metrics.toText(), /skein_client_ejections_total\{service="users",instance="u1",reason="status"\} 1/)
})

test('an ejected instance is judged afresh once it is back: its past cost is forgotten', async (t) => {
  const failing: RequestListener = (_, response) => void response.writeHead(500).end()
  const defaults = { balance: { policy: 'round-robin', load: 'peak-ewma' } } as const
  const { caller } = await scene(t, [failing, ok], { defaults })
  for (let i = 0; i < 10; i++) (await caller.request(get())).body.resume()
  const [bad] = await caller.inspect('users')
  assert.match(bad?.reason ?? '', /5 failures/)
  assert.equal(bad?.cost, 0)
})

test('what probes took keeps nobody idle: neither one that fails nor one that brings the instance back', async (t) => {
  const clock = new VirtualClock()
  let tookMs = 0
  let status = 500
  const recovering: RequestListener = (_, response) => {
    clock.advance(tookMs)
    response.writeHead(status).end()
  }
  const defaults = { balance: { policy: 'round-robin', load: 'peak-ewma' } } as const
  const { caller } = await scene(t, [recovering, ok], { defaults, clock })
  const ask = async () => {
    for (let i = 0; i < 2; i++) (await caller.request(get())).body.resume()
    return (await caller.inspect('users'))[0]!
  }
  while ((await ask()).eligible);
  clock.advance(2_001)
  tookMs = 990
  const failed = await ask()
  assert.deepEqual([failed.eligible, failed.cost], [false, 0])
  status = 200
  clock.advance(4_001)
  const back = await ask()
  assert.deepEqual([back.eligible, back.cost], [true, 0])
  tookMs = 5
  await ask()
  assert.equal((await ask()).cost, 5, 'and from then on it is learnt again')
})

test('when all are ejected they are used all the same', async (t) => {
  const { caller, order } = await scene(t, [(_, response) => void response.writeHead(500).end()])
  for (let i = 0; i < 8; i++) (await caller.request(get())).body.resume()
  assert.equal(order.length, 8)
})

test('what the registry calls critical is used only when there is nothing else, weight 0 never', async (t) => {
  const { caller, live, order, source } = await scene(t, [ok, ok, ok], {
    each: (i) => ({ status: i === 0 ? 'critical' : 'passing', weight: i === 1 ? 0 : 1 }),
  })
  for (let i = 0; i < 4; i++) await text((await caller.request(get())).body)
  assert.deepEqual(new Set(order), new Set(['u3']))
  assert.deepEqual(
    (await caller.inspect('users')).map(({ reason }) => reason),
    ['registry says critical', 'weight 0: it gets no requests', undefined],
  )
  source.set([live[0]!.instance, live[1]!.instance])
  await text((await caller.request(get())).body)
  assert.equal(order.at(-1), 'u1')
  source.set([live[1]!.instance])
  await assert.rejects(caller.request(get()), /service "users": all 1 instances have weight 0/)
  source.set([])
  await assert.rejects(caller.request(get()), { code: 'NO_INSTANCES' })
})

test('of those that the registry calls well all are out: those it calls critical are asked before them, while they answer', async (t) => {
  const clock = new VirtualClock()
  const critical = { status: 'critical' } as const
  let answer: RequestListener = ok
  const { caller, order } = await scene(t, [(request, response) => answer(request, response)], {
    clock,
    each: () => critical,
    instances: [await refusing('u2')],
  })
  const states = async () => (await caller.inspect('users')).map(({ eligible, reason }) => [eligible, reason] as const)
  assert.deepEqual(await states(), [
    [false, 'registry says critical'],
    [true, undefined],
  ])
  for (let i = 0; i < 3; i++) assert.equal(await text((await caller.request(get())).body), 'ok')
  assert.deepEqual((await states())[0], [true, 'registry says critical'])
  answer = reset
  for (let i = 0; i < 5; i++) await assert.rejects(caller.request(get({ policy: { attempts: 1 } })))
  assert.deepEqual(
    (await states()).map(([eligible]) => eligible),
    [false, false],
  )
  const before = order.length
  // Now it is no better than the other.
  await assert.rejects(caller.request(get({ policy: { attempts: 1 } })), { code: 'UNREACHABLE' })
  assert.equal(order.length, before)
})

test('each attempt carries the time left, a span of its own, its number and the request id', async (t) => {
  let count = 0
  const answer: RequestListener = (request, response) =>
    count++ === 0 ? reset(request, response) : ok(request, response)
  const { caller, live } = await scene(t, [answer, answer], { clock: new VirtualClock(), random: () => 0 })
  const context = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    traceFlags: 1,
    traceState: 'v=1',
    requestId: 'r-1',
  }
  const headers = [
    'Host',
    'shop.example',
    'X-Own',
    '1',
    'content-length',
    '999',
    'connection',
    'x-own',
    'traceparent',
    'old',
  ]
  // Where the first pause is random() × 25 ms = 0, the clock need not move on for the timer but must be asked to run it.
  const clock = new VirtualClock()
  const second = createCaller({
    source: staticSource(live.map(({ instance }) => instance)),
    metrics: new Metrics(),
    clock,
    random: () => 0,
  })
  t.after(() => second.close())
  const calling = runInContext(context, () => second.request(get({ headers })))
  await eventually(() => {
    clock.advance(0)
    return count === 2
  })
  await text((await calling).body)
  await text(
    (await caller.request(get({ headers: ['traceparent', `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`] }))).body,
  )
  const seen = live.flatMap((one) => one.seen)
  const [one, two] = ['1', '2'].map((n) => seen.find((r) => r.headers['x-skein-attempt'] === n && r.headers['x-own']))
  for (const request of [one, two]) {
    assert.match(request?.headers['traceparent'] as string, /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/)
    assert.equal(request?.headers['tracestate'], 'v=1')
    assert.equal(request?.headers['x-request-id'], 'r-1')
    assert.equal(request?.headers['x-skein-deadline-ms'], '5000')
    assert.equal(request?.headers['host'], 'shop.example')
    assert.equal(request?.headers['content-length'], undefined)
  }
  assert.notEqual(one?.headers['traceparent'], two?.headers['traceparent'])
  assert.ok(seen.some(({ headers: { traceparent } }) => String(traceparent).startsWith(`00-${'c'.repeat(32)}-`)))
})

test('10 MB go there and back as a stream, unchanged', async (t) => {
  const { caller, live } = await scene(t, [(request, response) => request.pipe(response)])
  const chunk = randomBytes(64 * 1024)
  const chunks = 160
  const body = Readable.from(Array.from({ length: chunks }, () => chunk))
  const answer = await caller.request(get({ method: 'POST', body, bodyLength: chunks * chunk.length }))
  const hash = createHash('sha256')
  for await (const part of answer.body) hash.update(part as Buffer)
  const expected = createHash('sha256')
  for (let i = 0; i < chunks; i++) expected.update(chunk)
  assert.equal(hash.digest('hex'), expected.digest('hex'))
  assert.equal(live[0]?.seen[0]?.headers['content-length'], String(chunks * chunk.length))
})

test('bytes and texts are sent with their length, an unknown stream in chunks', async (t) => {
  const { caller, live } = await scene(t, [ok])
  for (const body of ['grün', Buffer.from('abc'), new Uint8Array([1, 2]), Readable.from([Buffer.from('x')])]) {
    await text((await caller.request(get({ method: 'PUT', body }))).body)
  }
  const framing = live[0]!.seen.map(({ headers }) => headers['content-length'] ?? headers['transfer-encoding'])
  assert.deepEqual(framing, ['5', '3', '2', 'chunked'])
})

test('an answer that nobody reads stops at its sender; a request that nobody reads stops its maker', async (t) => {
  const chunk = Buffer.alloc(1024 * 1024)
  const total = 256
  let written = 0
  const flood: RequestListener = (_, response) => {
    const more = () => {
      let room = true
      for (; room && written < total; written++) room = response.write(chunk)
      if (!room) response.once('drain', more)
    }
    more()
  }
  const answer: RequestListener = (request, response) =>
    request.url === '/down' ? flood(request, response) : hang(request, response)
  const { caller, arrivals } = await scene(t, [answer])
  const { body } = await caller.request(get({ path: '/down' }))
  let made = 0
  const source = Readable.from(
    (function* () {
      for (; made < total; made++) yield chunk
    })(),
  )
  const stop = new AbortController()
  const up = caller.request(get({ path: '/up', method: 'POST', body: source, signal: stop.signal }))
  await arrivals(2)
  await quiet(() => written + made)
  assert.ok(written < total / 4, `${written} MiB sent to a reader that does not read`)
  assert.ok(made < total / 4, `${made} MiB made for a server that does not read`)
  body.destroy()
  stop.abort()
  await assert.rejects(up, { code: 'CANCELLED' })
})

/** Until a count has stood still for many turns of the event loop. */
async function quiet(count: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 200; ) {
    same = count() === last ? same + 1 : 0
    last = count()
    await new Promise(setImmediate)
  }
}

test('raw headers come as they were sent; nothing is decompressed', async (t) => {
  const { caller } = await scene(t, [
    (_, response) => {
      response.writeHead(200, ['X-Mixed', 'A', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-encoding', 'gzip'])
      response.end('not gzip')
    },
  ])
  const { headers, body } = await caller.request(get())
  const own = headers.slice(0, 8)
  assert.deepEqual(own, ['X-Mixed', 'A', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-encoding', 'gzip'])
  assert.equal(await text(body), 'not gzip')
})

test('a lease counts as in flight until released, once; a failed one counts against its instance', async (t) => {
  const { caller, metrics } = await scene(t, [ok, ok])
  const first = await caller.lease(get())
  const second = await caller.lease(get(), [first.instance.id])
  assert.notEqual(first.instance.id, second.instance.id)
  assert.equal(await inFlight(caller), 2)
  first.release()
  first.release(true)
  assert.equal(await inFlight(caller), 1)
  second.release(true)
  for (let i = 0; i < 4; i++) (await caller.lease(get(), [first.instance.id])).release(true)
  const states = await caller.inspect('users')
  assert.deepEqual(
    states.map(({ eligible, instance }) => eligible === (instance.id === first.instance.id)),
    [true, true],
  )
  assert.match(
    metrics.toText(),
    new RegExp(`ejections_total{[^}]*instance="${second.instance.id}",reason="connection"} 1`),
  )
  assert.equal(await inFlight(caller), 0)
  await assert.rejects(caller.lease({ service: 'nobody' }), { code: 'NO_INSTANCES' })
})

test('instances come and go while calls go on; series of those gone are forgotten', async (t) => {
  const { caller, live, source, metrics, order } = await scene(t, [ok, ok])
  source.set([live[0]!.instance])
  for (let i = 0; i < 3; i++) await text((await caller.request(get())).body)
  source.set([live[1]!.instance])
  await text((await caller.request(get())).body)
  assert.deepEqual(order, ['u1', 'u1', 'u1', 'u2'])
  assert.doesNotMatch(metrics.toText(), /instance="u1"/)
})

test('what an instance answers, or fails at, after it has gone brings none of its series back', async (t) => {
  const held: ServerResponse[] = []
  const holding: RequestListener = (_, response) => void held.push(response)
  const { caller, live, source, metrics, arrivals } = await scene(t, [holding])
  const policy = { attempts: 1 }
  // Enough failures to eject it, were it still there.
  const calls = Array.from({ length: 7 }, () => caller.request(get({ policy })))
  const lease = await caller.lease(get())
  await arrivals(7)
  source.set([])
  held.pop()!.socket?.resetAndDestroy()
  for (const response of held) response.writeHead(500).end()
  const outcomes = (await Promise.allSettled(calls)).map((call) => call.status)
  assert.deepEqual(new Set(outcomes), new Set(['fulfilled', 'rejected']))
  lease.release(true)
  assert.doesNotMatch(metrics.toText(), /instance="u1"/)
  source.set([live[0]!.instance])
  assert.deepEqual(
    (await caller.inspect('users')).map(({ eligible }) => eligible),
    [true],
  )
})

test('while the registry confirms nothing, the metrics say so', async () => {
  let listener: (snapshot: Snapshot) => void = () => {}
  const snapshot = { service: 'users', instances: [], index: 1, stale: false }
  const watch = {
    current: () => snapshot,
    ready: async () => snapshot,
    subscribe: (one: typeof listener) => {
      listener = one
      return () => {}
    },
  }
  const metrics = new Metrics()
  const caller = createCaller({ source: { watch: () => watch, close: async () => {} }, metrics })
  await caller.inspect('users')
  assert.match(metrics.toText(), /skein_client_discovery_stale\{service="users"\} 0/)
  listener({ ...snapshot, stale: true })
  assert.match(metrics.toText(), /skein_client_discovery_stale\{service="users"\} 1/)
  await caller.close()
})

/** Whose registry never speaks. */
const silent = {
  watch: () => new PublishedWatch('users'),
  close: async () => {},
}

test('a caller that is closed keeps nobody waiting for the registry', async () => {
  const caller = createCaller({ source: silent, clock: new VirtualClock(), metrics: new Metrics() })
  const asked = [caller.request(get()), caller.lease({ service: 'users' }), caller.known('users')]
  const rejected = Promise.all(asked.map((one) => assert.rejects(async () => one, { code: 'CANCELLED' })))
  await new Promise(setImmediate)
  await caller.close()
  await rejected
  await assert.rejects(caller.request(get()), { code: 'CANCELLED' })
})

test('a deadline that passes before the registry has spoken says so', async () => {
  const clock = new VirtualClock()
  const caller = createCaller({ source: silent, clock, metrics: new Metrics() })
  const silence = { code: 'REGISTRY_UNAVAILABLE', message: 'service "users": the registry has not said where it is' }
  const asked = [caller.request(get()), caller.lease({ service: 'users' }), caller.known('users')]
  const rejected = Promise.all(asked.map((one) => assert.rejects(async () => one, silence)))
  await new Promise(setImmediate)
  clock.advance(5000)
  await rejected
  await caller.close()
})

test('an instance that moved to another address is a new one', async (t) => {
  const old = await startInstance('u1', ok)
  const fresh = await startInstance('u1', ok)
  t.after(() => Promise.all([old.kill(), fresh.kill()]))
  const source = staticSource([old.instance])
  const caller = createCaller({ source, metrics: new Metrics() })
  t.after(() => caller.close())
  await text((await caller.request(get())).body)
  source.set([describe('u1', fresh.instance.port)])
  await text((await caller.request(get())).body)
  assert.deepEqual([old.seen.length, fresh.seen.length], [1, 1])
})

test('what is known of an instance is of its address: the next one there is judged afresh, and answers for nothing that is late', async (t) => {
  const held: ServerResponse[] = []
  const old = await startInstance('u1', (request, response) => {
    if (request.url === '/later') held.push(response)
    else response.writeHead(500).end()
  })
  const fresh = await startInstance('u1', ok)
  const source = staticSource([old.instance])
  const metrics = new Metrics()
  const caller = createCaller({ source, metrics, defaults: { attempts: 1 } })
  t.after(() => Promise.all([caller.close(), old.kill(), fresh.kill()]))
  const later = Array.from({ length: 5 }, () => caller.request(get({ path: '/later' })))
  await eventually(() => held.length === 5)
  for (let i = 0; i < 5; i++) (await caller.request(get())).body.resume()
  assert.match((await caller.inspect('users'))[0]!.reason!, /^ejected: 5 failures/)
  source.set([fresh.instance])
  const [moved] = await caller.inspect('users')
  assert.deepEqual([moved!.eligible, moved!.reason, moved!.inFlight], [true, undefined, 0])
  for (const response of held) response.writeHead(500).end()
  for (const one of later) (await one).body.resume()
  const [state] = await caller.inspect('users')
  assert.deepEqual([state!.eligible, state!.reason, state!.inFlight], [true, undefined, 0])
  assert.match(metrics.toText(), /ejections_total\{service="users",instance="u1",reason="status"\} 1\n/)
})

test('callers that share what they meet: an instance that one ejects is out for all, and is counted once', async (t) => {
  const good = await startInstance('u1', ok)
  const bad = await startInstance('u2', (_, response) => response.writeHead(500).end())
  t.after(() => Promise.all([good.kill(), bad.kill()]))
  type Listen = Parameters<SharedHealth['onTold']>[0]
  const listeners: Listen[] = []
  const callers = [0, 1].map((number) => {
    const health: SharedHealth = {
      tell: (...news) => listeners[1 - number]!(...news),
      onTold: (listen) => {
        listeners[number] = listen
      },
    }
    const metrics = new Metrics()
    const source = staticSource([good.instance, bad.instance])
    return { metrics, caller: createCaller({ source, metrics, health, defaults: { balance: 'round-robin' } }) }
  })
  t.after(() => Promise.all(callers.map(({ caller }) => caller.close())))
  const [one, other] = callers as [(typeof callers)[0], (typeof callers)[0]]
  for (let i = 0; i < 10; i++) await text((await one.caller.request(get())).body)
  assert.equal(bad.seen.length, 5)
  for (let i = 0; i < 10; i++) assert.equal((await other.caller.request(get())).status, 200)
  const reasons = await Promise.all(callers.map(async ({ caller }) => (await caller.inspect('users'))[1]?.reason))
  assert.match(reasons[0]!, /^ejected: 5 failures in a row/)
  assert.match(reasons[1]!, /^ejected: failures elsewhere/)
  assert.match(one.metrics.toText(), /skein_client_ejections_total\{[^}]*u2[^}]*\} 1/)
  assert.doesNotMatch(other.metrics.toText(), /skein_client_ejections_total\{/)
})

test('a body that breaks in the moment in which it is read leaves no timer behind', async (t) => {
  const timers = new Set<Timer>()
  const after: Clock['after'] = (ms, run, keepAlive) => {
    const timer = systemClock.after(ms, run, keepAlive)
    const cancel = () => {
      timers.delete(one)
      timer.cancel()
    }
    const one = { cancel }
    if (Math.round(ms) === 3000) timers.add(one)
    return one
  }
  const { caller } = await scene(t, [ok], { clock: { ...systemClock, after } })
  await text((await caller.request(get())).body)
  const body: BodySource = {
    ...{ complete: false, started: false, pause() {}, resume() {}, drop() {} },
    whole: () => assert.fail('it never ends'),
    read: (sink) => sink.fail(new Error('gone')),
  }
  const policy = { deadlineMs: 7000, attemptTimeoutMs: 3000 }
  await assert.rejects(caller.request(get({ method: 'PUT', body, policy })), { code: 'CANCELLED' })
  assert.equal(timers.size, 0)
})

test('a GET that may not be repeated is not sent again because a slow answer is in its way', async (t) => {
  let slow: ServerResponse | undefined
  const { caller, live } = await scene(
    t,
    [
      (request, response) => {
        if (request.url === '/slow') slow = response
        else response.end('ok')
      },
    ],
    { each: () => ({ meta: { pipelining: '8' } }) },
  )
  await text((await caller.request(get())).body)
  const slowly = caller.request(get({ path: '/slow', idempotent: false }))
  await text((await caller.request(get({ path: '/once', idempotent: false }))).body)
  slow!.end('ok')
  await text((await slowly).body)
  assert.deepEqual(live[0]!.seen.map(({ url }) => url).sort(), ['/once', '/slow', '/x'])
})

test('a body of a length that is none is not sent: what follows its head would be read as another request', async (t) => {
  const { caller, order } = await scene(t, [ok])
  for (const bodyLength of [Number.NaN, -1, -2, 1.5, Number.POSITIVE_INFINITY]) {
    const body = Readable.from(['GET /smuggled HTTP/1.1\r\nhost: u1\r\n\r\n'])
    await assert.rejects(caller.request(get({ method: 'POST', body, bodyLength })), (error) => {
      assert.equal((error as SkeinError).code, 'BAD_REQUEST')
      assert.match(
        (error as SkeinError).message,
        new RegExp(`service "users": the request cannot be sent: bodyLength: ${bodyLength} is no length`),
      )
      return true
    })
  }
  assert.equal(await inFlight(caller), 0)
  assert.deepEqual(order, [])
})

test('a body that is none fails its call and nothing else, whatever is spoken', async (t) => {
  for (const protocol of ['http/1.1', 'h2c'] as const) {
    const server = protocol === 'h2c' ? createH2Server((_, response) => void response.end('ok')) : createServer(ok)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const caller = createCaller({ source: staticSource([describe('u1', port)]), metrics: new Metrics() })
    t.after(async () => {
      await caller.close()
      server.close()
    })
    const policy = { protocol }
    const wrong = { method: 'POST', body: { a: 1 } as unknown as string, policy }
    // On a connection that has to be made, and on one that is there.
    for (let i = 0; i < 2; i++) {
      await assert.rejects(caller.request(get(wrong)), (error) => {
        assert.match((error as SkeinError).message, /service "users": the request cannot be sent: /)
        return true
      })
      await text((await caller.request(get({ policy }))).body)
    }
    assert.equal(await inFlight(caller), 0)
  }
})

test('a body that was read before is not sent as an empty one', async (t) => {
  const { caller, order } = await scene(t, [ok])
  const stream = Readable.from(['read'])
  await text(stream)
  const { source } = await caller.request(get())
  await readAll(source)
  for (const body of [stream, source]) {
    await assert.rejects(caller.request(get({ method: 'POST', body })), (error) => {
      assert.equal((error as SkeinError).code, 'BAD_REQUEST')
      assert.match((error as SkeinError).message, /service "users": the request cannot be sent: the body has been read/)
      return true
    })
  }
  assert.equal(order.length, 1)
  // One answer as the body of another request, as it comes.
  const { source: fresh } = await caller.request(get())
  await text((await caller.request(get({ method: 'POST', body: fresh }))).body)
})

test('a stream that fails before it is sent fails its call and nothing else', async (t) => {
  const { caller } = await scene(t, [ok])
  const before = () => createReadStream('/no/such/file')
  await assert.rejects(caller.request(get({ method: 'POST', body: before() })), (error) => {
    assert.equal((error as SkeinError).code, 'CANCELLED')
    assert.match(String(((error as SkeinError).cause as Error).cause ?? (error as SkeinError).cause), /ENOENT/)
    return true
  })
  // Also where it is never sent, as nobody is there.
  const never = before()
  await assert.rejects(caller.request(get({ service: 'nobody', method: 'POST', body: never })), {
    code: 'NO_INSTANCES',
  })
  if (!never.closed) await new Promise((resolve) => never.once('close', resolve))
  assert.equal(await inFlight(caller), 0)
})

test('what cannot be written as HTTP is not sent, and says to which service', async (t) => {
  const { caller, order } = await scene(t, [ok])
  for (const [changes, message] of [
    [{ headers: ['x', 'a\r\nb: c'] }, /the header x has characters that may not stand there/],
    [{ method: 'GE T' }, /the method "GE T" is malformed/],
    [{ path: '/a b' }, /the path "\/a b" has characters that must be escaped/],
    [{ path: 'http://elsewhere/' }, /the path "http:\/\/elsewhere\/" does not begin with a slash/],
    [{ path: undefined as never }, /the path undefined does not begin with a slash/],
  ] as const) {
    await assert.rejects(caller.request(get(changes)), (error) => {
      assert.equal((error as SkeinError).code, 'BAD_REQUEST')
      assert.match((error as SkeinError).message, /^service "users": the request cannot be sent: /)
      assert.match((error as SkeinError).message, message)
      return true
    })
  }
  assert.deepEqual(order, [])
  assert.equal((await caller.request(get({ method: 'OPTIONS', path: '*' }))).status, 200)
})
