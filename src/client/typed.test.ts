import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { sleep, systemClock } from '../core/clock.ts'
import { runInContext } from '../core/context.ts'
import type { OperationType, ServiceContract, ServiceType } from '../core/contract.ts'
import { SkeinError } from '../core/errors.ts'
import { silentLogger } from '../core/log.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { CallError } from './call-error.ts'
import type { CallPolicy } from './contract.ts'
import { scene } from './kit.suite.ts'
import { callOperation, client, isCallError } from './typed.ts'

interface User {
  readonly id: string
  readonly name: string
}

type Users = ServiceType<
  'users',
  {
    get: OperationType<{ id: string; verbose?: boolean }, User, { NotFound: 404 }>
    create: OperationType<{ name: string; tags: string[] }, User, { Taken: 409; Invalid: 422 }>
    remove: OperationType<{ id: string }, void, Record<never, never>>
    ping: OperationType<undefined, string, Record<never, never>>
  }
>

const CONTRACT: ServiceContract = {
  service: 'users',
  hash: '0123456789abcdef',
  operations: {
    get: { method: 'GET', path: '/user/:id', idempotent: true, errors: { NotFound: 404 } },
    create: { method: 'POST', path: '/user', idempotent: false, errors: { Taken: 409 } },
    remove: { method: 'DELETE', path: '/user/:id', idempotent: true, errors: {} },
    ping: { method: 'GET', path: '/ping', idempotent: true, errors: {} },
  },
}

/** A registry that has one contract, and an instance that answers by `answer`. */
async function users(
  t: TestContext,
  answer: RequestListener,
  contract: () => ServiceContract | undefined = () => CONTRACT,
) {
  const { caller, live } = await scene(t, [answer])
  let reads = 0
  const kv = createServer((request, response) => {
    if (request.url !== '/v1/kv/skein/contracts/users') return void response.writeHead(404).end()
    reads++
    const value = Buffer.from(JSON.stringify(contract() ?? null)).toString('base64')
    if (contract() === undefined) response.writeHead(404).end()
    else response.end(JSON.stringify([{ Value: value, ModifyIndex: 1 }]))
  })
  await new Promise<void>((resolve) => kv.listen(0, '127.0.0.1', resolve))
  const consul = new ConsulClient({ address: `http://127.0.0.1:${(kv.address() as AddressInfo).port}` })
  t.after(async () => {
    await consul.close()
    kv.closeAllConnections()
    await new Promise((resolve) => kv.close(resolve))
  })
  return { api: client<Users>('users', { caller, consul }), caller, consul, seen: live[0]!.seen, reads: () => reads }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(status, headers).end(body === undefined ? '' : JSON.stringify(body)))
  }

const echo: RequestListener = (request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => response.end(JSON.stringify({ id: request.url, name: body })))
}

test('GET: path parameters are filled and encoded, the rest goes into the query', async (t) => {
  const { api, reads } = await users(t, echo)
  assert.equal((await api.get({ id: 'a/b c', verbose: true })).id, '/user/a%2Fb%20c?verbose=true')
  assert.equal((await api.get({ id: '7' })).id, '/user/7')
  assert.equal(reads(), 1, 'the contract is read once')
})

/** A registry that answers when it is told to, and what a typed call sends. */
async function slowRegistry(t: TestContext) {
  const asked = Promise.withResolvers<() => void>()
  const kv = createServer((_, response) => {
    const value = Buffer.from(JSON.stringify(CONTRACT)).toString('base64')
    asked.resolve(() => response.end(JSON.stringify([{ Value: value, ModifyIndex: 1 }])))
  })
  await new Promise<void>((resolve) => kv.listen(0, '127.0.0.1', resolve))
  const { caller, live } = await scene(t, [echo])
  const consul = new ConsulClient({ address: `http://127.0.0.1:${(kv.address() as AddressInfo).port}` })
  t.after(async () => {
    await consul.close()
    kv.closeAllConnections()
    await new Promise((resolve) => kv.close(resolve))
  })
  return { api: client<Users>('users', { caller, consul }), asked: asked.promise, seen: live[0]!.seen }
}

test('a registry that hangs is waited for no longer than the call has time', async (t) => {
  const { api, seen } = await slowRegistry(t)
  const outOfTime = { code: 'REGISTRY_UNAVAILABLE', message: /service "users": the registry has not told its contract/ }
  await assert.rejects(api.get({ id: '7' }, { deadlineMs: 30 }), outOfTime)
  const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }
  const served = { ...context, deadline: systemClock.monotonic() + 30 }
  await assert.rejects(
    runInContext(served, () => api.get({ id: '7' })),
    outOfTime,
  )
  assert.equal(await api.ping(undefined, { deadlineMs: 10, fallback: () => 'instead' }), 'instead')
  assert.equal(seen.length, 0)
})

test('nor any longer than its caller waits', async (t) => {
  const { api, asked, seen } = await slowRegistry(t)
  const stop = new AbortController()
  const context = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, signal: stop.signal }
  const calls = [api.get({ id: '7' }, { signal: stop.signal }), runInContext(context, () => api.get({ id: '7' }))]
  await asked
  stop.abort(new Error('gone'))
  for (const call of calls) await assert.rejects(call, { code: 'CANCELLED' })
  await assert.rejects(api.get({ id: '7' }, { signal: stop.signal }), { code: 'CANCELLED' })
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
  assert.equal(seen.length, 0)
})

test('what it was waited for comes off the deadline', async (t) => {
  const { api, asked, seen } = await slowRegistry(t)
  const calling = api.get({ id: '7' }, { deadlineMs: 60_000 })
  const answer = await asked
  await sleep(50)
  answer()
  await calling
  assert.ok(Number(seen[0]!.headers['x-skein-deadline-ms']) <= 59_960)
})

test('POST: the fields go as JSON', async (t) => {
  const { api, seen } = await users(t, echo)
  assert.equal((await api.create({ name: 'Ada', tags: ['x'] })).name, '{"name":"Ada","tags":["x"]}')
  assert.equal(seen[0]?.headers['content-type'], 'application/json')
})

test('no content is undefined; an operation without input is called with nothing', async (t) => {
  const { api } = await users(t, (request, response) =>
    request.method === 'DELETE' ? json(204, undefined)(request, response) : json(200, 'pong')(request, response),
  )
  assert.equal(await api.remove({ id: '7' }), undefined)
  assert.equal(await api.ping(), 'pong')
})

test('a declared error is a CallError with code, status, message and details', async (t) => {
  const { api } = await users(t, json(404, { error: { code: 'NotFound', message: 'no user 7', id: '7' } }))
  const error = await api.get({ id: '7' }).catch((thrown: unknown) => thrown)
  assert.ok(isCallError(error, api.get))
  assert.ok(error instanceof CallError)
  const code: 'NotFound' = error.code
  assert.equal(code, 'NotFound')
  assert.deepEqual([error.service, error.operation, error.status, error.details], ['users', 'get', 404, { id: '7' }])
  assert.equal(error.message, 'users.get: no user 7')
  assert.equal(error.attempts.length, 1)
})

test("Skein's own errors keep their code", async (t) => {
  const body = { error: { code: 'INVALID_INPUT', message: 'name: too short', issues: [1] } }
  const { api } = await users(t, json(400, body, { 'x-skein-error': 'INVALID_INPUT' }))
  await assert.rejects(api.create({ name: '', tags: [] }), (error) => {
    assert.ok(error instanceof SkeinError)
    assert.equal(error.code, 'INVALID_INPUT')
    assert.deepEqual(error.details['issues'], [1])
    assert.equal(error.details['instance'], 'u1')
    return true
  })
})

test('an error page and a success that is no JSON are the failure of the instance', async (t) => {
  const page = await users(t, (_, response) => void response.writeHead(400).end('<html>'))
  await assert.rejects(page.api.get({ id: '7' }), { code: 'UPSTREAM_FAILED', message: 'users.get: u1 answered 400' })
  const text = await users(t, (_, response) => void response.end('hello'))
  await assert.rejects(text.api.get({ id: '7' }), { code: 'UPSTREAM_FAILED' })
})

test('an unknown operation names those there are, and the one that was meant', async (t) => {
  const { consul, caller } = await users(t, echo)
  await assert.rejects(callOperation('users', 'gett', {}, { consul, caller }), {
    code: 'UNKNOWN_OPERATION',
    message: 'service "users" has no operation "gett". Did you mean "get"? It has: get, create, remove, ping',
  })
})

test('an operation that was published since is found', async (t) => {
  let contract: ServiceContract = { ...CONTRACT, operations: {} }
  const { api, consul, caller } = await users(t, echo, () => contract)
  await assert.rejects(callOperation('users', 'get', {}, { consul, caller }), { code: 'UNKNOWN_OPERATION' })
  contract = CONTRACT
  assert.equal((await api.get({ id: '7' })).id, '/user/7')
})

test('a service that no longer knows an operation: the contract is read again for the next call', async (t) => {
  let contract = CONTRACT
  const moved = { ...CONTRACT.operations['get']!, path: '/people/:id' }
  const answer: RequestListener = (request, response) =>
    request.url === '/people/7'
      ? echo(request, response)
      : json(404, { error: { code: 'NOT_FOUND' } }, { 'x-skein-error': 'NOT_FOUND' })(request, response)
  const { api } = await users(t, answer, () => contract)
  await assert.rejects(api.get({ id: '7' }), { code: 'NOT_FOUND' })
  contract = { ...CONTRACT, operations: { ...CONTRACT.operations, get: moved } }
  // The look-up that the first failure began may still have seen the old contract; each failure begins another.
  let found: User | undefined
  while (found === undefined) found = await api.get({ id: '7' }).catch(() => undefined)
  assert.equal(found.id, '/people/7')
})

test('an instance of a version that cannot be looked up is called as the current contract says', async (t) => {
  const listener: RequestListener = (request, response) => echo(request, response)
  const { caller } = await scene(t, [listener], { each: () => ({ meta: { contract: 'ffffffffffffffff' } }) })
  const { consul } = await users(t, echo)
  const ask = async () => ((await callOperation('users', 'get', { id: '7' }, { consul, caller })) as User).id
  assert.equal(await ask(), '/user/7')
  await consul.close()
  assert.equal(await ask(), '/user/7', 'nor does a registry that is away hold anything up')
})

test('a service without a contract, and a registry that is away: who was asked, and the way out', async (t) => {
  const { api, consul } = await users(t, echo, () => undefined)
  const tells = (code: string) => (error: SkeinError) => {
    assert.equal(error.code, code)
    assert.ok(error.message.includes(`registry at ${consul.address}`), error.message)
    assert.match(error.kind.hint, /`skein up`.*SKEIN_REGISTRY/)
    return true
  }
  await assert.rejects(api.get({ id: '7' }), tells('UNKNOWN_CONTRACT'))
  await consul.close()
  await assert.rejects(api.get({ id: '7' }), tells('REGISTRY_UNAVAILABLE'))
})

for (const id of ['', '.', '..', undefined, null, {}]) {
  test(`a path parameter ${JSON.stringify(id)} is refused: it would be another path`, async (t) => {
    const { consul, caller, seen } = await users(t, echo)
    await assert.rejects(callOperation('users', 'get', { id }, { consul, caller }), { code: 'INVALID_INPUT' })
    assert.equal(seen.length, 0)
  })
}

test('an input that cannot be written down is refused, and says which operation it was for', async (t) => {
  const { api, seen } = await users(t, echo)
  const circular: { name: string; tags: unknown[] } = { name: 'a', tags: [] }
  circular.tags.push(circular)
  for (const [call, message] of [
    [() => api.get({ id: '\ud800' }), /^GET \/user\/:id: the input cannot be sent: URI malformed/],
    [() => api.create({ name: 1n as never, tags: [] }), /^POST \/user: the input cannot be sent: .*BigInt/],
    [() => api.create(circular as never), /^POST \/user: the input cannot be sent: .*circular/],
    [
      () => api.remove({ id: '7', more: circular } as never),
      /^DELETE \/user\/:id: the input cannot be sent: .*circular/,
    ],
  ] as const) {
    await assert.rejects(call(), (error) => {
      assert.equal((error as SkeinError).code, 'INVALID_INPUT', String(error))
      assert.match((error as SkeinError).message, message)
      return true
    })
  }
  assert.equal(seen.length, 0)
})

test('query: strings as they are, numbers and booleans as text, arrays repeated, objects as JSON', async (t) => {
  const { consul, caller } = await users(t, echo)
  const input = { id: '7', a: 'x&y', n: 1.5, b: false, list: [1, 'two'], o: { k: 1 }, none: undefined, nil: null }
  const { id } = (await callOperation('users', 'get', input, { consul, caller })) as User
  const query = new URL(id, 'http://u').searchParams
  assert.deepEqual(
    [...query],
    [
      ['a', 'x&y'],
      ['n', '1.5'],
      ['b', 'false'],
      ['list', '1'],
      ['list', 'two'],
      ['o', '{"k":1}'],
      ['nil', 'null'],
    ],
  )
})

test('options of a call: headers, signal, deadline', async (t) => {
  const { api, seen } = await users(t, (request, response) => {
    if (request.url === '/user/7') echo(request, response)
  })
  await api.get({ id: '7' }, { headers: { 'x-tenant': 't1' } })
  assert.equal(seen[0]?.headers['x-tenant'], 't1')
  await assert.rejects(api.get({ id: 'hang' }, { deadlineMs: 20 }), { code: 'DEADLINE_EXCEEDED' })
  await assert.rejects(api.get({ id: 'hang' }, { signal: AbortSignal.abort() }), { code: 'CANCELLED' })
})

test("a call's own policy holds over that of its client, and leaves the rest of it", async (t) => {
  const failing: RequestListener = (_request, response) => response.writeHead(503).end()
  const { caller, consul, seen } = await users(t, failing)
  const api = client<Users>('users', { caller, consul, policy: { attempts: 2, hedge: { delayMs: 60_000 } } })
  const asked: (CallPolicy | undefined)[] = []
  const { request } = caller
  caller.request = (one) => {
    asked.push(one.policy)
    return request.call(caller, one)
  }
  for (const policy of [undefined, { attempts: 1, bulkhead: { calls: 5 } }])
    await assert.rejects(api.ping(undefined, { policy }), { code: 'UPSTREAM_FAILED' })
  assert.equal(seen.length, 3)
  assert.deepEqual(
    asked.map((policy) => [policy?.attempts, policy?.hedge, policy?.bulkhead]),
    [
      [2, { delayMs: 60_000 }, undefined],
      [1, { delayMs: 60_000 }, { calls: 5 }],
    ],
  )
})

test('a client is no promise, and its operations are always the same functions', async () => {
  const api = client<Users>('users')
  assert.equal(await api, api)
  assert.equal(api.get, api.get)
})

test('misspelt services, operations and fields do not compile', () => {
  const never = () => {
    const api = client<Users>('users')
    // @ts-expect-error: another service's name
    client<Users>('user')
    // @ts-expect-error: no such operation
    api.gett({ id: '7' })
    // @ts-expect-error: no such input field
    api.get({ ident: '7' })
    // @ts-expect-error: input of another type
    api.get({ id: 7 })
    // @ts-expect-error: input is missing
    api.get()
    // @ts-expect-error: no such output field
    api.get({ id: '7' }).then((user) => user.nam)
    const check = (error: unknown) => {
      // @ts-expect-error: not declared by this operation
      if (isCallError(error, api.get)) return error.code === 'Taken'
      return isCallError(error, api.create) && error.code === 'Taken'
    }
    return check
  }
  assert.equal(typeof never, 'function')
})

describe('a fallback', () => {
  const nobody: User = { id: '0', name: 'nobody' }
  const broken: RequestListener = (_request, response) => response.writeHead(500, { 'x-skein-error': 'INTERNAL' }).end()

  test('answers in place of a service that cannot, and is seen: counted, and logged when it begins and ends', async (t) => {
    let listener = broken
    const { caller, consul } = await users(t, (request, response) => listener(request, response))
    const metrics = new Metrics()
    const lines: { msg: string; code?: string }[] = []
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const asked: unknown[] = []
    const get = (input: unknown, error: SkeinError) => {
      asked.push([input, error.code])
      return nobody
    }
    const api = client<Users>('users', { caller, consul, metrics, log, fallback: { get } })
    for (let i = 0; i < 3; i++) assert.deepEqual(await api.get({ id: '7' }), nobody)
    assert.deepEqual(asked[0], [{ id: '7' }, 'INTERNAL'])
    assert.match(metrics.toText(), /fallbacks_total\{service="users",operation="get",code="INTERNAL"\} 3/)
    listener = (_request, response) => response.end('{"id":"7","name":"Ada"}')
    for (let i = 0; i < 2; i++) assert.equal((await api.get({ id: '7' })).name, 'Ada')
    assert.deepEqual(
      lines.map(({ msg, code }) => [msg, code]),
      [
        ['a fallback answers in place of the service', 'INTERNAL'],
        ['the service answers again', undefined],
      ],
    )
  })

  test('of a call wins over that of its client; what it throws, the call throws', async (t) => {
    const { caller, consul } = await users(t, broken)
    const options = { caller, consul, metrics: new Metrics(), log: silentLogger }
    const api = client<Users>('users', { ...options, fallback: { get: () => nobody } })
    const own = { id: '1', name: 'own' }
    assert.deepEqual(await api.get({ id: '7' }, { fallback: async () => own }), own)
    const failing = () => {
      throw new Error('nor this')
    }
    await assert.rejects(api.get({ id: '7' }, { fallback: failing }), /nor this/)
    await assert.rejects(api.ping(), { code: 'INTERNAL' })
  })

  test('is not asked where the service did answer, or the caller gave up', async (t) => {
    const { caller, consul } = await users(t, (_request, response) =>
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"error":{"code":"NotFound","message":"no"}}'),
    )
    const fallback = { get: () => assert.fail('it was asked') }
    const api = client<Users>('users', { caller, consul, fallback })
    await assert.rejects(api.get({ id: '7' }), (error) => error instanceof CallError && error.code === 'NotFound')
    await assert.rejects(api.get({ id: '7' }, { signal: AbortSignal.abort() }), { code: 'CANCELLED' })
  })

  // A type that does not fit is found by the compiler: this function is never called.
  void (async (api: ReturnType<typeof client<Users>>) => {
    // @ts-expect-error: a user has an id and a name
    await api.get({ id: '7' }, { fallback: () => ({ id: 7 }) })
    // @ts-expect-error: the same for a client
    client<Users>('users', { fallback: { get: () => 'nobody' } })
  })
})
