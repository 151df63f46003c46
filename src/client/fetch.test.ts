import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { getGlobalDispatcher, request as undiciRequest } from 'undici'
import { interceptFetch, serviceOf } from './fetch.ts'
import { inFlight, refusing, scene } from './kit.suite.ts'

const app: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url!, 'http://x')
  if (pathname === '/moved') response.writeHead(302, { location: '/echo?moved=1' }).end()
  else if (pathname === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync('small'))
  else if (pathname === '/none') response.writeHead(204).end()
  else if (pathname === '/hang') response.write('x')
  else if (pathname === '/cookies') response.setHeader('set-cookie', ['a=1', 'b=2']).end()
  else {
    response.setHeader('x-url', request.url!).setHeader('x-method', request.method!)
    request.pipe(response)
  }
}

/** One test at a time has the global dispatcher: tests of a file run one after another. */
async function intercepted(t: TestContext) {
  const setting = await scene(t, [app], { instances: [await refusing('a1')] })
  t.after(interceptFetch(setting.caller))
  return setting
}

test('fetch by service name: found, balanced, retried on another instance', async (t) => {
  const { order } = await intercepted(t)
  for (let i = 0; i < 4; i++) {
    const response = await fetch('http://users/echo?q=1')
    assert.deepEqual([response.status, response.statusText, response.url], [200, 'OK', 'http://users/echo?q=1'])
    assert.equal(response.headers.get('x-url'), '/echo?q=1')
    assert.equal(await response.text(), '')
  }
  assert.equal(order.length, 4)
})

test('bodies: text, Request objects, streams', async (t) => {
  const { live } = await intercepted(t)
  const sent = [
    new Request('http://users/echo', { method: 'POST', body: 'text' }),
    new Request('http://users.service.consul/echo', { method: 'PUT', body: new Uint8Array([104, 105]) }),
    new Request('http://users.skein/echo', { method: 'POST', body: new Blob(['blob']).stream(), duplex: 'half' }),
  ]
  const texts: string[] = []
  for (const request of sent) texts.push(await (await fetch(request)).text())
  assert.deepEqual(texts, ['text', 'hi', 'blob'])
  const framing = live[0]!.seen.map(({ headers }) => headers['content-length'] ?? headers['transfer-encoding'])
  assert.deepEqual(framing, ['4', '2', 'chunked'])
})

test('what is fetch stays fetch: redirects, decompression, empty answers, cookies', async (t) => {
  await intercepted(t)
  const moved = await fetch('http://users/moved')
  assert.deepEqual([moved.redirected, moved.url], [true, 'http://users/echo?moved=1'])
  await moved.text()
  assert.equal(await (await fetch('http://users/gzip')).text(), 'small')
  const none = await fetch('http://users/none')
  assert.deepEqual([none.status, none.body], [204, null])
  const cookies = await fetch('http://users/cookies')
  assert.deepEqual(cookies.headers.getSetCookie(), ['a=1', 'b=2'])
  await cookies.text()
})

test('an abort ends the call before and after its head', async (t) => {
  const { caller, arrivals } = await intercepted(t)
  const stop = new AbortController()
  const response = await fetch('http://users/hang', { signal: stop.signal })
  await arrivals(1)
  const reading = response.text()
  stop.abort()
  await assert.rejects(reading, { name: 'AbortError' })
  await assert.rejects(fetch('http://users/hang', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  while ((await inFlight(caller)) > 0) await new Promise(setImmediate)
})

test("undici's own request goes the same way", async (t) => {
  await intercepted(t)
  const { statusCode, body } = await undiciRequest('http://users/echo', { method: 'POST', body: 'x' })
  assert.deepEqual([statusCode, await body.text()], [200, 'x'])
})

test("undici's own request: its query, pairs of headers, and whether it may be repeated", async (t) => {
  const { live, caller } = await intercepted(t)
  const headers = new Map([['x-one', '1']]).entries()
  const options = { method: 'POST', query: { a: 'b c', d: ['1', '2'] }, headers } as const
  await (await undiciRequest('http://users/echo', options)).body.text()
  const { url, headers: got } = live[0]!.seen[0]!
  assert.deepEqual([url, got['x-one']], ['/echo?a=b%20c&d=1&d=2', '1'])
  const asked: (boolean | undefined)[] = []
  const { request } = caller
  caller.request = (one) => {
    asked.push(one.idempotent)
    return request.call(caller, one)
  }
  for (const given of [{}, { idempotent: false }]) await (await undiciRequest('http://users/echo', given)).body.text()
  assert.deepEqual(asked, [undefined, false])
})

test('pairs of headers may name one twice', async (t) => {
  const { live } = await intercepted(t)
  const headers = [
    ['x-two', '1'],
    ['x-two', '2'],
  ][Symbol.iterator]()
  const options = { method: 'GET', headers: { [Symbol.iterator]: () => headers } } as object
  await (await undiciRequest('http://users/echo', options)).body.text()
  assert.equal(live[0]!.seen[0]!.headers['x-two'], '1, 2')
})

test('a header of the answer may have the name of what every object has', async (t) => {
  const { caller } = await scene(t, [(_, response) => void response.writeHead(200, { constructor: 'x' }).end()])
  t.after(interceptFetch(caller))
  const response = await undiciRequest('http://users/')
  await response.body.text()
  assert.equal(response.headers['constructor'], 'x')
})

for (const [step, path] of [
  ['onResponseStart', '/hang'],
  ['onResponseData', '/hang'],
  ['onResponseEnd', '/echo'],
] as const) {
  test(`what fails in the hands of who asked (${step}) takes no connection along, and nothing else`, async (t) => {
    const { caller } = await intercepted(t)
    const fails = () => {
      throw new Error('not like this')
    }
    const failed = new Promise<Error>((resolve) => {
      getGlobalDispatcher().dispatch(
        { origin: 'http://users', path, method: 'GET' },
        // With `onRequestStart`: without it Node 24 takes it for a handler in undici's older form.
        { onRequestStart() {}, [step]: fails, onResponseError: (_: unknown, error: Error) => resolve(error) },
      )
    })
    assert.equal((await failed).message, 'not like this')
    while ((await inFlight(caller)) > 0) await new Promise(setImmediate)
  })
}

test('a handler that throws at a piece is handed no other', async (t) => {
  // In one packet, so that nothing comes between the pieces.
  const answer = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'
  const { caller } = await scene(t, [(_, response) => void response.socket!.end(answer)])
  t.after(interceptFetch(caller))
  let pieces = 0
  const failed = new Promise<Error>((resolve) => {
    getGlobalDispatcher().dispatch(
      { origin: 'http://users', path: '/', method: 'GET' },
      {
        onRequestStart() {},
        onResponseData() {
          pieces++
          throw new Error('not like this')
        },
        onResponseError: (_: unknown, error: Error) => resolve(error),
      },
    )
  })
  assert.equal((await failed).message, 'not like this')
  assert.equal(pieces, 1)
})

test('a failure is fetch failed, with the reason as its cause', async (t) => {
  await intercepted(t)
  await assert.rejects(fetch('http://nobody/'), (error: TypeError) => {
    assert.equal(error.message, 'fetch failed')
    assert.equal((error.cause as { code?: string }).code, 'NO_INSTANCES')
    return true
  })
})

test('a large answer that is read slowly arrives whole', async (t) => {
  const { caller } = await scene(t, [(_, response) => void response.end(Buffer.alloc(8 * 1024 * 1024, 1))])
  t.after(interceptFetch(caller))
  let length = 0
  for await (const chunk of (await fetch('http://users/'))!.body!) length += chunk.length
  assert.equal(length, 8 * 1024 * 1024)
})

test('all other addresses go where they went; after the undo all do', async (t) => {
  const { live, caller } = await scene(t, [app])
  const undo = interceptFetch(caller)
  const direct = `http://127.0.0.1:${live[0]!.instance.port}/echo`
  await (await fetch(direct)).text()
  assert.equal(live[0]?.seen[0]?.headers['x-skein-attempt'], undefined)
  undo()
  await (await fetch(direct)).text()
  assert.equal(live[0]?.seen.length, 2)
})

for (const [origin, service] of [
  ['http://users', 'users'],
  ['http://users.service.consul', 'users'],
  ['http://users.skein', 'users'],
  ['http://user-api_2', 'user-api_2'],
  ['http://localhost', undefined],
  ['http://users:8080', undefined],
  ['https://users', undefined],
  ['http://example.com', undefined],
  ['http://a.users.skein', undefined],
  ['http://127.0.0.1', undefined],
  ['http://[::1]', undefined],
] as const) {
  test(`${origin} is ${service === undefined ? 'no service' : `the service ${service}`}`, () =>
    assert.equal(serviceOf(origin), service))
}
