import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  connect,
  constants,
  createServer,
  type Http2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { credentials, Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js'
import { makeAuthority, needsCertificates } from '../../test/support/certificates.ts'
import { VirtualClock } from '../core/clock.ts'
import { ERRORS, type ErrorCode, SkeinError } from '../core/errors.ts'
import { EchoClient, grpcBench, grpcClient, grpcUpstream, type Message } from './grpc.suite.ts'
import { encodeMessage, errorOfStatus, grpcCallOf, grpcError } from './grpc.ts'
import { deadPort, instance, workbench } from './workbench.suite.ts'

const NONE = new Metadata()

async function failure(answer: Promise<unknown>): Promise<ServiceError> {
  const error = await answer.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown as ServiceError,
  )
  assert.ok('code' in error, String(error))
  return error
}

async function all(stream: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = []
  for await (const { text } of stream) texts.push(text)
  return texts
}

test('a unary call: the answer, metadata both ways, also of bytes, and what the log says', async (t) => {
  const { client, line, metrics } = await grpcBench(t, {
    unary({ metadata, request }, done) {
      const head = new Metadata()
      head.set('x-head', 'h')
      const trailer = new Metadata()
      trailer.set('x-sum-bin', Buffer.from([0, 255, 7]))
      done(
        null,
        { text: request.text, seen: metadata.getMap(), bytes: [...(metadata.get('x-key-bin')[0] as Buffer)] },
        trailer,
      )
    },
  })
  const metadata = new Metadata()
  metadata.set('x-own', 'mine')
  metadata.set('x-key-bin', Buffer.from([1, 0, 200]))
  metadata.set('x-skein-forged', '1')
  const { stream, answer } = client.unary({ text: 'ü' }, metadata, { deadline: Date.now() + 20_000 })
  const ended = once(stream, 'status') as Promise<[StatusObject]>
  const { text, seen, bytes } = (await answer) as Message & { seen: Record<string, string>; bytes: number[] }
  assert.deepEqual([text, bytes, seen['x-own'], seen['x-skein-forged']], ['ü', [1, 0, 200], 'mine', undefined])
  assert.ok(seen['traceparent'] !== undefined && seen['x-request-id'] !== undefined)
  const [told] = await ended
  assert.equal(told.code, status.OK)
  assert.deepEqual([...(told.metadata.get('x-sum-bin')[0] as Buffer)], [0, 255, 7])
  const { status: http, grpcStatus, method, attempts } = await line()
  assert.deepEqual([http, grpcStatus, method], [200, 'OK', 'POST'])
  assert.equal((attempts as unknown[]).length, 1)
  assert.match(metrics.toText(), /skein_client_grpc_total\{.*status="OK"\} 1/)
})

test('client, server and bidirectional streams', async (t) => {
  const { client } = await grpcBench(t)
  const { stream, answer } = client.collect(NONE)
  for (const text of ['a', 'b', 'c']) stream.write({ text })
  stream.end()
  assert.equal((await answer).text, 'a b c')
  assert.deepEqual(await all(client.pour({ text: 'p', count: 3 }, NONE)), ['p 0', 'p 1', 'p 2'])
  const talk = client.talk(NONE)
  const heard = talk[Symbol.asyncIterator]()
  for (const text of ['one', 'two', 'three']) {
    talk.write({ text })
    assert.equal(((await heard.next()).value as Message).text, text)
  }
  talk.end()
  assert.equal((await heard.next()).done, true)
})

test('messages of 4 MB, both ways, and 2,000 small ones in a stream', async (t) => {
  const { client } = await grpcBench(t)
  const text = 'x'.repeat(4 * 1024 * 1024)
  assert.equal((await client.unary({ text }, NONE).answer).text.length, text.length)
  assert.equal((await all(client.pour({ text: 'p', count: 2_000 }, NONE))).length, 2_000)
})

/** Writes for as long as it may; returns how much it has written so far. */
function pour(stream: Http2Stream): () => number {
  let written = 0
  const more = () => {
    do written += 16_384
    while (!stream.destroyed && stream.write(Buffer.alloc(16_384)))
  }
  stream.on('drain', more)
  more()
  return () => written
}

async function settled(written: () => number): Promise<number> {
  for (let before = -1; before !== written(); ) {
    before = written()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return written()
}

test('who is faster than the other side is held back, in both directions', async (t) => {
  const arrived = Promise.withResolvers<ServerHttp2Stream>()
  const { port } = await h2Upstream(t, (stream) => arrived.resolve(stream))
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  const client = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc' })
  client.on('error', () => {})
  const up = pour(client)
  const server = await arrived.promise
  server.respond({ ':status': 200, 'content-type': 'application/grpc' })
  const down = pour(server)
  for (const written of [up, down]) {
    const bytes = await settled(written)
    assert.ok(bytes > 0 && bytes < 4_000_000, `${bytes} bytes`)
  }
  const [before, beforeDown] = [up(), down()]
  server.resume()
  client.resume()
  while (up() < before + 10_000_000 || down() < beforeDown + 10_000_000) await turn()
  client.destroy()
})

test('an error of the service comes through with its words and its metadata: with nothing before it, and behind messages', async (t) => {
  const trailer = new Metadata()
  trailer.set('x-why', 'because')
  const { client, line } = await grpcBench(t, {
    unary: (_, done) => done({ code: status.NOT_FOUND, details: 'kein Öl & 100 %', metadata: trailer }),
    pour(call) {
      call.write({ text: 'first' })
      call.emit('error', { code: status.DATA_LOSS, details: 'lost', metadata: trailer })
    },
  })
  const error = await failure(client.unary({ text: '' }, NONE).answer)
  assert.deepEqual([error.code, error.details, error.metadata.get('x-why')], [5, 'kein Öl & 100 %', ['because']])
  assert.deepEqual([(await line()).status, (await line()).grpcStatus], [200, 'NOT_FOUND'])
  const stream = client.pour({ text: '' }, NONE)
  const texts: string[] = []
  stream.on('data', ({ text }: Message) => texts.push(text))
  const [late] = (await once(stream, 'error')) as [ServiceError]
  assert.deepEqual([texts, late.code, late.details, late.metadata.get('x-why')], [['first'], 15, 'lost', ['because']])
  assert.equal((await line(2)).grpcStatus, 'DATA_LOSS')
})

test('an early end of the server reaches a client that still talks', async (t) => {
  const { client } = await grpcBench(t, {
    talk: (call) => call.emit('error', { code: status.FAILED_PRECONDITION, details: 'enough' }),
  })
  const talk = client.talk(NONE)
  talk.write({ text: 'hello' })
  const [error] = (await once(talk, 'error')) as [ServiceError]
  assert.deepEqual([error.code, error.details], [9, 'enough'])
})

test('the deadline of the client goes along, less what has passed, and ends both sides', async (t) => {
  const left = Promise.withResolvers<number>()
  const cancelled = Promise.withResolvers<void>()
  const { client, line } = await grpcBench(t, {
    unary(call) {
      left.resolve(Number(call.getDeadline()) - Date.now())
      call.on('cancelled', () => cancelled.resolve())
    },
  })
  // Long enough for a busy machine to bring the call to the instance.
  const error = await failure(client.unary({ text: '' }, NONE, { deadline: Date.now() + 2_000 }).answer)
  assert.equal(error.code, status.DEADLINE_EXCEEDED)
  const told = await left.promise
  assert.ok(told > 0 && told <= 2_000, `${told} ms`)
  await cancelled.promise
  assert.ok([499, 200].includes(Number((await line()).status)))
})

test('the deadline holds at the gateway too: before the head, and in the middle of a stream', async (t) => {
  const { port } = await h2Upstream(t, (stream, path) => {
    if (path === '/silent') return
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(Buffer.from([0, 0, 0, 0, 0]))
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  // Of the stream the head has to come before: a busy machine takes its time.
  for (const [path, timeout] of [
    ['/silent', '200m'],
    ['/stream', '2S'],
  ] as const) {
    const { trailers, fields } = await call(t, gateway.port, path, { 'grpc-timeout': timeout })
    assert.equal((path === '/silent' ? fields : trailers)['grpc-status'], '4', path)
  }
  assert.equal((await call(t, gateway.port, '/', { 'grpc-timeout': '1 day' })).fields['grpc-status'], '13')
})

test('a call whose deadline is malformed is refused before anybody is asked, a copy’s taker included', async (t) => {
  const copied: string[] = []
  const arrived = new EventTarget()
  const { port } = await h2Upstream(t, (stream, path) => {
    stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true })
    copied.push(path)
    arrived.dispatchEvent(new Event('copy'))
  })
  const instances = [instance(port), instance(port, { service: 'shadow' })]
  const routes = [{ to: 'users', path: '/*', mirror: { to: 'shadow' } }]
  const { gateway, metrics } = await workbench(t, { instances, routes })
  const session = connect(`http://127.0.0.1:${gateway.port}`)
  t.after(() => session.destroy())
  const statusOf = async (path: string, timeout: string) => {
    const fields = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', 'grpc-timeout': timeout }
    const [head] = (await once(session.request(fields, { endStream: true }).resume(), 'response')) as [
      IncomingHttpHeaders,
    ]
    return head['grpc-status']
  }
  assert.deepEqual([await statusOf('/bad', '1 day'), await statusOf('/good', '1M')], ['13', '0'])
  while (copied.length < 2) await once(arrived, 'copy')
  assert.deepEqual(copied, ['/good', '/good'])
  assert.doesNotMatch(metrics.toText(), /skein_gateway_mirrored_total\{[^}]*outcome="(?!200")/)
})

test('a client that cancels cancels at the server', async (t) => {
  const began = Promise.withResolvers<void>()
  const cancelled = Promise.withResolvers<void>()
  const { client, line } = await grpcBench(t, {
    talk(call) {
      call.on('cancelled', () => cancelled.resolve())
      call.on('data', () => began.resolve())
    },
  })
  const talk = client.talk(NONE)
  talk.on('error', () => {})
  talk.write({ text: 'hello' })
  await began.promise
  talk.cancel()
  await cancelled.promise
  assert.equal((await line()).status, 499)
})

test('calls of one client are balanced by request, over all instances', async (t) => {
  const { client, lines, line } = await grpcBench(
    t,
    {},
    { count: 3, routes: [{ to: 'users', balance: 'round-robin' }] },
  )
  await Promise.all(Array.from({ length: 30 }, (_, i) => client.unary({ text: String(i) }, NONE).answer))
  await line(30)
  const shares = Map.groupBy(lines, ({ instance: id }) => id)
  assert.deepEqual(
    [...shares.values()].map(({ length }) => length),
    [10, 10, 10],
  )
})

test('a server killed in mid-stream: UNAVAILABLE, never an end in good order; the next call goes elsewhere', async (t) => {
  const { client, upstreams, line } = await grpcBench(
    t,
    { pour: (call) => void call.write({ text: 'first' }) },
    { count: 2 },
  )
  const stream = client.pour({ text: '' }, NONE)
  await once(stream, 'data')
  const failed = once(stream, 'error') as Promise<[ServiceError]>
  for (const { server } of upstreams) server.forceShutdown()
  const [error] = await failed
  assert.equal(error.code, status.UNAVAILABLE, String(error))
  assert.equal((await line()).grpcStatus, 'UNAVAILABLE')
  assert.equal((await failure(client.unary({ text: '' }, NONE).answer)).code, status.UNAVAILABLE)
})

test('an instance that is not there, and one that refuses a stream: the call goes to another, whatever it is', async (t) => {
  const { port } = await grpcUpstream(t)
  let refused = 0
  const refusing = await h2Upstream(t, (stream) => {
    stream.on('data', () => {
      if (refused++ < 1000) stream.close(constants.NGHTTP2_REFUSED_STREAM)
    })
  })
  const instances = [instance(port), instance(await deadPort()), instance(refusing.port)]
  const { gateway, metrics } = await workbench(t, { instances, routes: [{ to: 'users', balance: 'round-robin' }] })
  const client = grpcClient(t, gateway.port)
  for (let i = 0; i < 20; i++) assert.equal((await client.unary({ text: `${i}` }, NONE).answer).text, `${i}`)
  assert.ok(refused > 0)
  assert.match(metrics.toText(), /skein_client_retries_total\{service="users",reason="refused"\}/)
})

test('drain: a server that sends GOAWAY ends what it has, and what comes next goes elsewhere, 0 failed', async (t) => {
  const { client, upstreams } = await grpcBench(t, {}, { count: 3 })
  let failed = 0
  let answered = 0
  let stop = false
  const ask = async () => {
    while (!stop)
      await client.unary({ text: 'x' }, NONE).answer.then(
        () => answered++,
        () => failed++,
      )
  }
  const asking = Array.from({ length: 8 }, ask)
  for (const { server } of upstreams.slice(1)) {
    while (answered % 300 < 200) await turn()
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    answered = 0
  }
  while (answered < 300) await turn()
  stop = true
  await Promise.all(asking)
  assert.equal(failed, 0)
})

test('UNAVAILABLE is tried elsewhere only where the route says that calls may be repeated', async (t) => {
  const unavailable = await grpcUpstream(t, { unary: (_, done) => done({ code: status.UNAVAILABLE, details: 'busy' }) })
  const { port } = await grpcUpstream(t)
  const instances = [instance(port), instance(unavailable.port)]
  const routes = [
    { path: '/test.Echo/Unary', to: 'users', headers: { 'x-once': '1' }, balance: 'round-robin' as const },
    { to: 'users', idempotent: true, balance: 'round-robin' as const },
  ]
  const { gateway } = await workbench(t, { instances, routes })
  const client = grpcClient(t, gateway.port)
  for (let i = 0; i < 4; i++) await client.unary({ text: '' }, NONE).answer
  const once = new Metadata()
  once.set('x-once', '1')
  const codes = await Promise.allSettled([0, 1].map(() => client.unary({ text: '' }, once).answer))
  assert.deepEqual(codes.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
})

test('an instance whose calls fail is taken out, also when the failure comes behind a head', async (t) => {
  const bad = await grpcUpstream(t, {
    pour(call) {
      call.write({ text: 'first' })
      call.emit('error', { code: status.INTERNAL, details: 'broken' })
    },
  })
  const { port } = await grpcUpstream(t)
  const { gateway, metrics, lines, line } = await workbench(t, {
    instances: [instance(port), instance(bad.port)],
    routes: [{ to: 'users', balance: 'round-robin' }],
  })
  const client = grpcClient(t, gateway.port)
  const ask = async () => {
    const told = line(lines.length + 1)
    await all(client.pour({ text: '', count: 1 }, NONE)).catch(() => {})
    await told
  }
  const failed = () => lines.filter(({ grpcStatus }) => grpcStatus === 'INTERNAL').length
  while (!/skein_client_ejections_total\{.*reason="status"\} 1/.test(metrics.toText())) await ask()
  assert.equal(failed(), 5)
  // In turn every second one would fail. Not many, as it is out for two seconds only.
  for (let i = 0; i < 4; i++) await ask()
  assert.equal(failed(), 5)
})

test('silence in both directions ends a call; talk in one keeps it', async (t) => {
  const clock = new VirtualClock()
  let arrived = Promise.withResolvers<void>()
  const { client } = await grpcBench(t, { talk: (call) => void call.on('data', () => arrived.resolve()) }, { clock })
  const talk = client.talk(NONE)
  const failed = once(talk, 'error') as Promise<[ServiceError]>
  for (let i = 0; i < 5; i++) {
    arrived = Promise.withResolvers()
    talk.write({ text: 'x' })
    await arrived.promise
    clock.advance(200_000)
  }
  clock.advance(101_000)
  const [error] = await failed
  assert.equal(error.code, status.DEADLINE_EXCEEDED)
})

test('a gateway that closes ends what still runs after its time to drain, and tells why', async (t) => {
  const { client, gateway } = await grpcBench(t, {}, { limits: { drainMs: 50 } })
  const talk = client.talk(NONE)
  talk.write({ text: 'x' })
  await once(talk, 'data')
  const failed = once(talk, 'error') as Promise<[ServiceError]>
  await Promise.all([gateway.close(), failed])
  const [error] = await failed
  assert.deepEqual([error.code, error.details], [status.UNAVAILABLE, 'the gateway is closing'])
})

test('over TLS', { skip: needsCertificates() }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-grpc-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const { ca, cert, key } = makeAuthority(dir)('shop.internal')
  const { gateway } = await grpcBench(t, {}, { config: { tls: { certificates: [{ cert, key }] } } })
  const client = new EchoClient(`127.0.0.1:${gateway.port}`, credentials.createSsl(readFileSync(ca)), {
    'grpc.ssl_target_name_override': 'shop.internal',
  })
  t.after(() => client.close())
  assert.equal((await client.unary({ text: 'secret' }, NONE).answer).text, 'secret')
  const talk = client.talk(NONE)
  talk.write({ text: 'x' })
  assert.equal(((await once(talk, 'data')) as [Message])[0].text, 'x')
  talk.end()
  await once(talk, 'end')
})

for (const [what, options, code] of [
  ['no instance', { instances: [] }, status.UNAVAILABLE],
  ['no route', { routes: [{ path: '/other', to: 'users' }] }, status.UNIMPLEMENTED],
  [
    'no key',
    { routes: [{ to: 'users', auth: { apiKeys: { keys: { a: `sha256:${'0'.repeat(64)}` } } } }] },
    status.UNAUTHENTICATED,
  ],
  [
    'an address that is not let in',
    { routes: [{ to: 'users', addresses: { deny: ['127.0.0.1'] } }] },
    status.PERMISSION_DENIED,
  ],
  ['maintenance', { routes: [{ to: 'users', maintenance: true }] }, status.UNAVAILABLE],
  ['a body that is too long', { routes: [{ to: 'users', maxBodyBytes: 3 }] }, status.RESOURCE_EXHAUSTED],
] as const) {
  test(`the gateway's own errors are gRPC's: ${what}`, async (t) => {
    const { port } = await grpcUpstream(t)
    const { gateway, line } = await workbench(t, { instances: [instance(port)], ...options })
    const error = await failure(grpcClient(t, gateway.port).unary({ text: 'hello' }, NONE).answer)
    assert.equal(error.code, code, String(error))
    assert.equal((await line()).status, 200)
  })
}

test('limits of rate count calls', async (t) => {
  const { client } = await grpcBench(t, {}, { routes: [{ to: 'users', rateLimit: { requests: 1, seconds: 60 } }] })
  await client.unary({ text: '' }, NONE).answer
  assert.equal((await failure(client.unary({ text: '' }, NONE).answer)).code, status.UNAVAILABLE)
})

/** An upstream of bare HTTP/2. */
async function h2Upstream(t: TestContext, serve: (stream: ServerHttp2Stream, path: string) => void) {
  const server = createServer()
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session.on('error', () => {})))
  server.on('stream', (stream, headers) =>
    serve(stream.on('error', () => {}) as ServerHttp2Stream, String(headers[':path'])),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port }
}

/** A call by bare HTTP/2: the fields of the head, and those behind the body. */
async function call(t: TestContext, port: number, path: string, fields: Record<string, string>) {
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...fields })
  stream.end(Buffer.from([0, 0, 0, 0, 0]))
  const told = { fields: {} as IncomingHttpHeaders, trailers: {} as IncomingHttpHeaders }
  stream.on('response', (head) => Object.assign(told.fields, head))
  stream.on('trailers', (trailers) => Object.assign(told.trailers, trailers))
  stream.resume()
  await once(stream, 'close')
  return told
}

test('an error of the gateway is nothing but trailers', async (t) => {
  const { gateway } = await workbench(t, { instances: [] })
  const { fields, trailers } = await call(t, gateway.port, '/a', {})
  assert.deepEqual([fields[':status'], fields['content-type'], fields['grpc-status']], [200, 'application/grpc', '14'])
  assert.deepEqual([fields['x-skein-error'], fields['content-length']], ['NO_INSTANCES', undefined])
  assert.match(String(fields['grpc-message']), /has no instance/)
  assert.deepEqual(Object.keys(trailers), [])
})

describe('what is a call', () => {
  const head = (type: string, method = 'POST') => ({ method, headers: ['content-type', type] }) as never
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/gRPC;x=y'])
    test(type, () => assert.deepEqual(grpcCallOf(head(type)), { timeoutMs: undefined }))
  for (const type of ['application/grpc-web', 'application/grpc-web+proto', 'application/grpcx', 'application/json'])
    test(`not ${type}`, () => assert.equal(grpcCallOf(head(type)), undefined))
  test('not GET', () => assert.equal(grpcCallOf(head('application/grpc', 'GET')), undefined))
})

test('HTTP statuses become those of the page, and words of gRPC where it has some', () => {
  const codeOf = (code: ErrorCode) => grpcError(new SkeinError(code, 'x', { reason: 'y' }), 'users')[0]
  const wanted: Partial<Record<ErrorCode, number>> = {
    BAD_REQUEST: 13,
    UNAUTHENTICATED: 16,
    FORBIDDEN: 7,
    NOT_FOUND: 12,
    RATE_LIMITED: 14,
    UPSTREAM_FAILED: 14,
    NO_INSTANCES: 14,
    DEADLINE_EXCEEDED: 4,
    CANCELLED: 1,
    BODY_TOO_LARGE: 8,
    HEADERS_TOO_LARGE: 8,
    INTERNAL: 2,
    URI_TOO_LONG: 2,
  }
  for (const [code, number] of Object.entries(wanted)) assert.equal(codeOf(code as ErrorCode), number, code)
  for (const code of Object.keys(ERRORS)) assert.ok(codeOf(code as ErrorCode) > 0)
  for (const [http, number] of [
    [401, 16],
    [403, 7],
    [429, 14],
    [503, 14],
    [302, 2],
  ] as const)
    assert.equal(grpcError(errorOfStatus(http), undefined)[0], number)
})

test('messages are percent-encoded as gRPC wants them', () => {
  assert.equal(encodeMessage('a b~'), 'a b~')
  assert.equal(encodeMessage('100 % Öl\n'), '100 %25 %C3%96l%0A')
})
