import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { VirtualClock } from '../core/clock.ts'
import { runInContext } from '../core/context.ts'
import type { SkeinError as Thrown } from '../core/errors.ts'
import { SkeinError } from '../core/errors.ts'
import { eventually, get, hang, inFlight, ok, refusing, reset, scene, text } from './kit.suite.ts'

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(code, headers).end('no'))
  }

/** The first request anywhere gets `first`, all others `rest`: whoever is chosen first. */
function firstThen(first: RequestListener, rest: RequestListener = ok): RequestListener {
  let count = 0
  return (request, response) => (count++ === 0 ? first(request, response) : rest(request, response))
}

for (const method of ['GET', 'POST']) {
  test(`a refused connection: ${method} goes to another instance at once`, async (t) => {
    const instances = [await refusing('a1')]
    // A clock that stands still: a pause would never end.
    const { caller } = await scene(t, [ok], { instances, clock: new VirtualClock() })
    for (let i = 0; i < 2; i++) {
      const answer = await caller.request(get({ method, body: method === 'POST' ? 'hello' : undefined }))
      assert.equal(await text(answer.body), 'ok')
      assert.ok(answer.attempts.slice(0, -1).every(({ outcome }) => outcome === 'UNREACHABLE'))
    }
  })
}

test('a stream that nobody has read goes to another instance as well, whole', async (t) => {
  const instances = [await refusing('a1')]
  const echo: RequestListener = (request, response) => request.pipe(response)
  const { caller } = await scene(t, [echo], { instances })
  for (let i = 0; i < 2; i++) {
    const body = Readable.from([Buffer.from('abc'), Buffer.from('def')])
    const answer = await caller.request(get({ method: 'POST', body }))
    assert.equal(await text(answer.body), 'abcdef')
  }
})

test('POST is not sent twice: broken off after it was sent, it fails', async (t) => {
  const { caller, order } = await scene(t, [reset, reset])
  await assert.rejects(caller.request(get({ method: 'POST', body: 'pay' })), (error: Thrown) => {
    assert.equal(error.code, 'UPSTREAM_FAILED')
    assert.equal(error.details['service'], 'users')
    assert.equal((error.details['attempts'] as unknown[]).length, 1)
    return true
  })
  assert.equal(order.length, 1)
})

test('GET broken off before its answer goes elsewhere', async (t) => {
  const answer = firstThen(reset)
  const { caller, order } = await scene(t, [answer, answer])
  const response = await caller.request(get())
  assert.equal(await text(response.body), 'ok')
  assert.equal(new Set(order).size, 2)
})

test('POST declared idempotent is sent again; a GET declared not is not', async (t) => {
  const answer = firstThen(reset)
  const { caller } = await scene(t, [answer, answer])
  assert.equal((await caller.request(get({ method: 'POST', idempotent: true }))).status, 200)
  const { caller: other } = await scene(t, [firstThen(reset)])
  await assert.rejects(other.request(get({ idempotent: false })), { code: 'UPSTREAM_FAILED' })
})

test('a body above 64 KiB is not sent twice', async (t) => {
  const answer = firstThen(reset)
  const { caller, order } = await scene(t, [answer, answer])
  const body = Buffer.alloc(64 * 1024 + 1)
  await assert.rejects(caller.request(get({ method: 'PUT', body })), { code: 'UPSTREAM_FAILED' })
  assert.equal(order.length, 1)
})

test('nothing is sent again once the head of an answer was passed on', async (t) => {
  const cut: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half', () => response.socket?.resetAndDestroy())
  }
  const { caller, order } = await scene(t, [cut, cut])
  const { body } = await caller.request(get())
  await assert.rejects(text(body), { code: 'UPSTREAM_FAILED' })
  assert.equal(order.length, 1)
})

test('SHUTTING_DOWN is tried elsewhere with any method', async (t) => {
  const answer = firstThen(status(503, { 'x-skein-error': 'SHUTTING_DOWN' }))
  const { caller } = await scene(t, [answer, answer])
  const { status: code, attempts } = await caller.request(get({ method: 'POST', body: 'pay' }))
  assert.equal(code, 200)
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    [503, 200],
  )
})

for (const code of [502, 503, 504]) {
  test(`an answer ${code}: GET is tried elsewhere, POST gets it as it is`, async (t) => {
    const answers = () => firstThen(status(code))
    const shared = answers()
    const { caller } = await scene(t, [shared, shared])
    assert.equal((await caller.request(get())).status, 200)
    const again = answers()
    const { caller: other } = await scene(t, [again, again])
    assert.equal((await other.request(get({ method: 'POST' }))).status, code)
  })
}

for (const [code, headers] of [
  [500, {}],
  [501, {}],
  [503, { 'x-skein-error': 'NO_INSTANCES' }],
  [504, { 'x-skein-error': 'DEADLINE_EXCEEDED' }],
] as const) {
  test(`an answer ${code} ${JSON.stringify(headers)} is not tried again: one layer retries`, async (t) => {
    const { caller, order } = await scene(t, [status(code, headers), status(code, headers)])
    assert.equal((await caller.request(get())).status, code)
    assert.equal(order.length, 1)
  })
}

test('three attempts at most, the last answer is what the caller sees', async (t) => {
  const { caller, order, metrics } = await scene(
    t,
    [1, 2, 3, 4].map(() => status(503)),
  )
  const { status: code, attempts } = await caller.request(get())
  assert.equal(code, 503)
  assert.equal(attempts.length, 3)
  assert.equal(new Set(order).size, 3)
  assert.match(metrics.toText(), /skein_client_retries_total\{service="users",reason="status"\} 2/)
})

test('the only instance is asked again', async (t) => {
  const { caller, order } = await scene(t, [firstThen(status(503))])
  assert.equal((await caller.request(get())).status, 200)
  assert.deepEqual(order, ['u1', 'u1'])
})

test('a reset on a connection that was idle is retried for free, also where no retries are allowed', async (t) => {
  let count = 0
  const answer: RequestListener = (request, response) =>
    ++count === 2 ? reset(request, response) : ok(request, response)
  const { caller } = await scene(t, [answer])
  const policy = { attempts: 1 }
  await text((await caller.request(get({ policy }))).body)
  const { status: code, attempts } = await caller.request(get({ policy }))
  assert.equal(code, 200)
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ['UPSTREAM_FAILED', 200],
  )
})

test('the attempt after such a reset may still be given up for another instance', async (t) => {
  const clock = new VirtualClock()
  const script: RequestListener[] = [ok, ok, reset, hang, ok]
  const answer: RequestListener = (request, response) => script.shift()!(request, response)
  const { caller, arrivals, order } = await scene(t, [answer, answer], { clock, random: () => 0 })
  for (let i = 0; i < 2; i++) await text((await caller.request(get())).body)
  const calling = caller.request(get({ policy: { attempts: 2, deadlineMs: 900 } }))
  await arrivals(4)
  clock.advance(300)
  await eventually(() => {
    clock.advance(0)
    return order.length === 5
  })
  assert.deepEqual(
    (await calling).attempts.map(({ outcome }) => outcome),
    ['UPSTREAM_FAILED', 'DEADLINE_EXCEEDED', 200],
  )
})

test('retries are a share of what is under way: the budget ends a storm', async (t) => {
  const { caller, order } = await scene(
    t,
    [1, 2, 3, 4].map(() => status(503)),
    { defaults: { attempts: 3 } },
  )
  const answers = await Promise.all(Array.from({ length: 20 }, () => caller.request(get())))
  for (const { status: code, body } of answers) {
    assert.equal(code, 503)
    body.resume()
  }
  // A quarter of 3 × 20 at most: 4 at a time of 20 under way, each up to twice.
  assert.ok(order.length <= 30, `${order.length} attempts for 20 calls`)
})

test('silence: after its third of the deadline an attempt is given up and another instance answers', async (t) => {
  const clock = new VirtualClock()
  const answer = firstThen(hang)
  const { caller, order, arrivals } = await scene(t, [answer, answer], { clock, random: () => 0 })
  const calling = caller.request(get({ policy: { deadlineMs: 900 } }))
  await arrivals(1)
  clock.advance(299)
  assert.equal(order.length, 1)
  clock.advance(1)
  await eventually(() => {
    clock.advance(0)
    return order.length === 2
  })
  const { attempts } = await calling
  assert.deepEqual(
    attempts.map(({ outcome, durationMs }) => [outcome, durationMs]),
    [
      ['DEADLINE_EXCEEDED', 300],
      [200, 0],
    ],
  )
})

test('a frozen instance with many calls on it fails none: all move, beyond the budget', async (t) => {
  const clock = new VirtualClock()
  let frozen: string | undefined
  const answer =
    (id: string): RequestListener =>
    (request, response) => {
      frozen ??= id
      if (id !== frozen) ok(request, response)
    }
  const { caller, arrivals, order } = await scene(t, [answer('u1'), answer('u2')], { clock, random: () => 0 })
  const calls = Array.from({ length: 20 }, () => caller.request(get()))
  await arrivals(20)
  await eventually(async () => (await inFlight(caller)) === 10)
  clock.advance(1667)
  await eventually(() => {
    clock.advance(0)
    return order.length === 30
  })
  for (const { status: code, body } of await Promise.all(calls)) {
    assert.equal(code, 200)
    body.resume()
  }
})

test('slow as a whole: calls beyond the budget wait on instead of failing at a third of their time', async (t) => {
  const clock = new VirtualClock()
  const held: ServerResponse[][] = [[], []]
  const holding = held.map(
    (own): RequestListener =>
      (_, response) =>
        void own.push(response),
  )
  const { caller, arrivals } = await scene(t, holding, { clock, random: () => 0 })
  const calls = Array.from({ length: 20 }, () => caller.request(get()))
  await arrivals(20)
  // Both answer once in a while: neither is silent, so nothing says that the other would be quicker.
  clock.advance(900)
  for (const own of held) own.shift()!.end()
  await eventually(async () => (await inFlight(caller)) === 18)
  clock.advance(767)
  await eventually(() => {
    clock.advance(0)
    return held.flat().length === 18 + 3
  })
  for (const response of held.flat()) response.end()
  const answers = await Promise.all(calls)
  assert.deepEqual(
    answers.map(({ status: code }) => code),
    calls.map(() => 200),
  )
})

test('an instance that resets fresh connections at once fails no call, beyond the budget', async (t) => {
  const held: IncomingMessage[] = []
  const resetTogether: RequestListener = (request) => {
    held.push(request)
    if (held.length === 4) for (const { socket } of held) socket.resetAndDestroy()
  }
  const { caller } = await scene(t, [resetTogether, ok], { random: () => 0 })
  for (const { status: code, body } of await Promise.all(Array.from({ length: 8 }, () => caller.request(get())))) {
    assert.equal(code, 200)
    body.resume()
  }
})

test('slow is not cut short where nobody else could answer: POST, and a single instance', async (t) => {
  const clock = new VirtualClock()
  let finish = () => {}
  const slow: RequestListener = (_, response) => {
    finish = () => response.end('late')
  }
  const { caller, arrivals } = await scene(t, [slow], { clock })
  for (const [i, method] of ['GET', 'POST'].entries()) {
    const calling = caller.request(get({ method, policy: { deadlineMs: 900 } }))
    await arrivals(i + 1)
    clock.advance(899)
    finish()
    assert.equal(await text((await calling).body), 'late')
  }
})

test('the deadline holds over all attempts, and says what was tried', async (t) => {
  const clock = new VirtualClock()
  const { caller, order, arrivals } = await scene(t, [hang, hang, hang], { clock, random: () => 0 })
  const calling = caller.request(get({ policy: { deadlineMs: 1000, attemptTimeoutMs: 400 } }))
  const failed = assert.rejects(calling, (error: Thrown) => {
    assert.equal(error.code, 'DEADLINE_EXCEEDED')
    assert.equal((error.details['attempts'] as unknown[]).length, 3)
    return true
  })
  for (let count = 1; count <= 2; count++) {
    await arrivals(count)
    clock.advance(400)
    await eventually(() => {
      clock.advance(0)
      return order.length > count
    })
  }
  clock.advance(199)
  assert.equal(order.length, 3)
  clock.advance(1)
  await failed
  assert.equal(clock.monotonic(), 1000)
})

test("a caller's own deadline wins when it is nearer, and nothing is sent when it has passed", async (t) => {
  const clock = new VirtualClock()
  const { caller, live, order } = await scene(t, [ok], { clock })
  const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, requestId: 'r-1' }
  await text((await runInContext({ ...context, deadline: 1500 }, () => caller.request(get()))).body)
  assert.equal(live[0]?.seen[0]?.headers['x-skein-deadline-ms'], '1500')
  clock.advance(1500)
  const late = runInContext({ ...context, deadline: 1500 }, () => caller.request(get()))
  await assert.rejects(late, { code: 'DEADLINE_EXCEEDED' })
  assert.equal(order.length, 1)
})

test('a call without an end says none: what is no number of ms would be nonsense to whoever reads it', async (t) => {
  const { caller, live } = await scene(t, [ok])
  for (const deadlineMs of [Number.POSITIVE_INFINITY, 1e300]) {
    await text((await caller.request(get({ policy: { deadlineMs } }))).body)
  }
  assert.deepEqual(
    live[0]!.seen.map(({ headers }) => headers['x-skein-deadline-ms']),
    [undefined, undefined],
  )
})

test('a call whose caller has gone is cancelled: its signal, or that of the call being served', async (t) => {
  const { caller, arrivals, order } = await scene(t, [hang, hang])
  const stop = new AbortController()
  const own = caller.request(get({ signal: stop.signal }))
  const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, signal: stop.signal }
  const served = runInContext(context, () => caller.request(get()))
  await arrivals(2)
  stop.abort(new Error('gone'))
  await assert.rejects(own, { code: 'CANCELLED' })
  await assert.rejects(served, { code: 'CANCELLED' })
  await assert.rejects(caller.request(get({ signal: stop.signal })), (error) => error instanceof SkeinError)
  assert.equal(order.length, 2)
})

test('a call refused because its caller has gone leaves nothing on the signal that lives on', async (t) => {
  const { caller } = await scene(t, [ok])
  const served = new AbortController()
  const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, signal: served.signal }
  const calling = runInContext(context, () => caller.request(get({ signal: AbortSignal.abort() })))
  await assert.rejects(calling, { code: 'CANCELLED' })
  assert.equal(getEventListeners(served.signal, 'abort').length, 0)
})

test('where only one version can serve the call, a retry goes there again and not where it must fail', async (t) => {
  const answers = [ok, firstThen(status(503, { 'x-skein-error': 'SHUTTING_DOWN' }))]
  const { caller, order } = await scene(t, answers, { each: (i) => ({ meta: { contract: `c${i + 1}` } }) })
  const tailoring = { suits: (contract: string | undefined) => contract === 'c2', tailor: () => undefined }
  const answer = await caller.request(get({ tailoring }))
  assert.equal(answer.status, 200)
  assert.deepEqual(order, ['u2', 'u2'])
})

test('where no version can serve the call, it goes somewhere: the instance knows better', async (t) => {
  const { caller } = await scene(t, [ok, ok])
  const tailoring = { suits: () => false, tailor: () => undefined }
  assert.equal((await caller.request(get({ tailoring }))).status, 200)
})

test('a repeated attempt takes the form of the version that it goes to', async (t) => {
  const seen: (string | undefined)[] = []
  const listeners = ['u1', 'u2'].map(
    (): RequestListener => (request, response) => {
      seen.push(request.url)
      if (seen.length === 1) request.socket.resetAndDestroy()
      else response.end()
    },
  )
  const { caller } = await scene(t, listeners)
  const tailor = async ({ id }: { id: string }) => ({ path: `/for-${id}`, idempotent: true })
  const answer = await caller.request(get({ method: 'POST', tailoring: { suits: () => true, tailor } }))
  assert.deepEqual(new Set(seen), new Set(['/for-u1', '/for-u2']))
  assert.equal(answer.attempts.length, 2)
})
