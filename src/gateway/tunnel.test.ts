import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { VirtualClock } from '../core/clock.ts'
import {
  type BenchOptions,
  deadPort,
  httpUpstream,
  instance,
  rawRequest,
  tcpUpstream,
  workbench,
} from './workbench.suite.ts'

const ROUTES = [
  { name: 'ws', path: '/ws/*', to: 'users', websocket: true },
  { path: '/plain/*', to: 'users' },
]

/** A `ws` echo server behind the gateway. */
async function echo(t: TestContext, options: BenchOptions = {}) {
  const { port, server } = await httpUpstream(t, (_, response) => response.end('plain'))
  const sockets = new WebSocketServer({ server, maxPayload: 8 * 1024 * 1024, clientTracking: true })
  const seen: IncomingHttpHeaders[] = []
  sockets.on('connection', (socket, request) => {
    seen.push(request.headers)
    socket.on('error', () => undefined)
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'close 4001') socket.close(4001, 'as asked')
      else socket.send(data, { binary: isBinary })
    })
  })
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  const bench = await workbench(t, { routes: ROUTES, instances: [instance(port)], ...options })
  return { ...bench, sockets, seen, port, wsUrl: `ws://127.0.0.1:${bench.gateway.port}` }
}

async function opened(url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, options)
  await once(socket, 'open')
  return socket
}

async function inFlight(adminUrl: string, wanted: number): Promise<void> {
  const look = async () => {
    const answer = await fetch(`${adminUrl}/explain?path=/ws/x`)
    return ((await answer.json()) as { candidates: { inFlight: number }[] }).candidates[0]!.inFlight
  }
  while ((await look()) !== wanted) await turn()
}

test('echo: text, binary, 1 MB, ping and pong; the instance is held while it lasts, and let go once', async (t) => {
  const { wsUrl, adminUrl, line, metrics } = await echo(t)
  const socket = await opened(`${wsUrl}/ws/echo?a=b`)
  await inFlight(adminUrl, 1)
  assert.match(metrics.toText(), /skein_gateway_tunnels\{route="ws"\} 1/)
  for (const message of ['hello', Buffer.alloc(1024 * 1024, 7)]) {
    socket.send(message)
    const [data] = await once(socket, 'message')
    assert.deepEqual(Buffer.from(data), Buffer.from(message as string))
  }
  socket.ping('there?')
  const [pong] = await once(socket, 'pong')
  assert.equal(String(pong), 'there?')
  socket.close(1000)
  const [code] = await once(socket, 'close')
  assert.equal(code, 1000)
  const { status, instance: chosen, route, bytes } = await line()
  assert.deepEqual([status, route], [101, 'ws'])
  assert.match(String(chosen), /^users-/)
  assert.ok(Number(bytes) > 1024 * 1024)
  await inFlight(adminUrl, 0)
  assert.match(metrics.toText(), /skein_gateway_tunnels\{route="ws"\} 0/)
})

test('close codes pass in both directions', async (t) => {
  const { wsUrl, sockets } = await echo(t)
  const fromServer = await opened(`${wsUrl}/ws/`)
  fromServer.send('close 4001')
  const [code, reason] = await once(fromServer, 'close')
  assert.deepEqual([code, String(reason)], [4001, 'as asked'])
  const fromClient = await opened(`${wsUrl}/ws/`)
  const [serverSide] = [...sockets.clients].filter(({ readyState }) => readyState === WebSocket.OPEN)
  fromClient.close(4002, 'bye')
  const [seenCode, seenReason] = await once(serverSide!, 'close')
  assert.deepEqual([seenCode, String(seenReason)], [4002, 'bye'])
})

test('the handshake carries Origin, protocol, trace and client; not what is between us', async (t) => {
  const { wsUrl, seen } = await echo(t)
  const headers = { 'x-forwarded-for': '6.6.6.6', 'x-skein-internal': '1', 'x-request-id': 'ws-1' }
  const socket = new WebSocket(`${wsUrl}/ws/`, ['chat'], { origin: 'https://shop.com', headers })
  const [[answer]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
  assert.equal(answer.headers['x-request-id'], 'ws-1')
  assert.equal(socket.protocol, 'chat')
  const handshake = seen[0]!
  assert.equal(handshake.origin, 'https://shop.com')
  assert.equal(handshake['x-forwarded-for'], '127.0.0.1')
  assert.equal(handshake['x-skein-internal'], undefined)
  assert.equal(handshake['x-request-id'], 'ws-1')
  assert.match(String(handshake['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  socket.terminate()
})

test('on a route with CORS only its pages and the site’s own open a WebSocket, and what is no browser', async (t) => {
  const cors = { origins: ['https://shop.example.com'] }
  const routes = [
    { path: '/ws/*', to: 'users', websocket: true, cors },
    { path: '/any/*', to: 'users', websocket: true, cors: { origins: '*' as const } },
  ]
  const { wsUrl, gateway, line, lines } = await echo(t, { routes })
  const own = `http://127.0.0.1:${gateway.port}`
  for (const origin of ['https://shop.example.com', own, undefined]) {
    ;(await opened(`${wsUrl}/ws/`, origin === undefined ? {} : { origin })).terminate()
  }
  const named = { origin: 'https://site.example', headers: { host: 'Site.example:443' } }
  ;(await opened(`${wsUrl}/ws/`, named)).terminate()
  ;(await opened(`${wsUrl}/any/`, { origin: 'https://evil.example' })).terminate()
  for (const origin of ['https://evil.example', 'http://shop.example.com', 'null', 'http://127.0.0.1:1']) {
    const [refusal] = await once(new WebSocket(`${wsUrl}/ws/`, { origin }), 'error')
    assert.match(String(refusal), /Unexpected server response: 403/, origin)
  }
  await line(9)
  assert.equal(lines.filter(({ reason }) => reason === 'websocket_origin').length, 4)
})

test('an upgrade on a plain route is refused, and a WebSocket route still answers plain requests', async (t) => {
  const { wsUrl, url } = await echo(t)
  const [refusal] = await once(new WebSocket(`${wsUrl}/plain/`), 'error')
  assert.match(String(refusal), /Unexpected server response: 400/)
  assert.equal(await (await fetch(`${url}/ws/`)).text(), 'plain')
})

test('a refusal by the instance is passed on in its own words', async (t) => {
  const { port, server } = await httpUpstream(t, () => undefined)
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: no\r\n\r\nno!'))
  const { gateway, line } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws/`)
  const [, answer] = await once(socket, 'unexpected-response')
  assert.deepEqual([answer.statusCode, answer.headers['x-why']], [403, 'no'])
  assert.equal(String(Buffer.concat(await answer.toArray())), 'no!')
  assert.equal((await line()).status, 403)
})

test('an instance that accepts no connection is passed over', async (t) => {
  const { wsUrl, source, line, port: alive } = await echo(t)
  const dead = await Promise.all([deadPort(), deadPort()])
  source.set([...dead.map((one) => instance(one)), instance(alive)])
  for (let i = 0; i < 6; i++) (await opened(`${wsUrl}/ws/`)).terminate()
  for (let i = 1; i <= 6; i++) assert.equal((await line(i)).instance, `users-${alive}`)
  source.set(dead.map((one) => instance(one)))
  const answer = await once(new WebSocket(`${wsUrl}/ws/`), 'unexpected-response')
  assert.equal(answer[1].statusCode, 503)
  assert.equal(answer[1].headers['x-skein-error'], 'UNREACHABLE')
})

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const PROOF = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const handshake = (...fields: string[]) =>
  `GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
const agreed = (proof: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`

for (const [what, answer] of [
  ['a wrong proof', agreed('c29tZXRoaW5nIGVsc2U=')],
  ['another protocol', agreed(PROOF).replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['no HTTP', 'hello\r\n\r\n'],
] as const) {
  test(`an instance that agrees with ${what} is 502, and no byte passes`, async (t) => {
    const { port } = await tcpUpstream(t, (socket) => socket.once('data', () => socket.write(answer)))
    const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
    assert.equal((await rawRequest(gateway.port, handshake(`Sec-WebSocket-Key: ${KEY}`))).status, 502)
  })
}

test('an instance that does not answer the handshake is 504', async (t) => {
  const { port } = await tcpUpstream(t, (socket) => socket.resume())
  const { gateway } = await workbench(t, {
    routes: ROUTES,
    instances: [instance(port)],
    limits: { tunnelAnswerMs: 50 },
  })
  assert.equal((await rawRequest(gateway.port, handshake(`Sec-WebSocket-Key: ${KEY}`))).status, 504)
})

test('what is no handshake is refused before an instance is asked', async (t) => {
  const { port } = await tcpUpstream(t, () => assert.fail('asked'))
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  for (const bytes of [
    handshake(),
    handshake('Sec-WebSocket-Key: short'),
    handshake(`Sec-WebSocket-Key: ${KEY}`).replace('GET', 'POST'),
  ]) {
    assert.equal((await rawRequest(gateway.port, bytes)).status, 400, bytes)
  }
})

/** However it comes about. */
const closed = (socket: Socket) => new Promise((resolve) => socket.resume().once('close', resolve))

/** A tunnel with a bare socket at each end. */
async function bare(t: TestContext, options: BenchOptions = {}) {
  const arrival = Promise.withResolvers<Socket>()
  const { port } = await tcpUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write(agreed(PROOF))
      arrival.resolve(socket)
    })
  })
  const bench = await workbench(t, { routes: ROUTES, instances: [instance(port)], ...options })
  const client = connect({ port: bench.gateway.port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => undefined)
  client.write(handshake(`Sec-WebSocket-Key: ${KEY}`))
  const [head] = await once(client, 'data')
  assert.match(String(head), /^HTTP\/1\.1 101 /)
  return { ...bench, client, upstream: await arrival.promise }
}

test('half-close: one direction ends, the other goes on', async (t) => {
  const { client, upstream, line } = await bare(t)
  client.end('last words')
  const [heard] = await once(upstream, 'data')
  assert.equal(String(heard), 'last words')
  await once(upstream, 'end')
  upstream.end('answer')
  const [answer] = await once(client, 'data')
  assert.equal(String(answer), 'answer')
  await once(client, 'end')
  assert.equal((await line()).status, 101)
})

test('a reset on one side is a reset on the other', async (t) => {
  const first = await bare(t)
  const upstreamFailed = once(first.upstream.resume(), 'error')
  first.client.resetAndDestroy()
  assert.equal((await upstreamFailed)[0].code, 'ECONNRESET')
  const second = await bare(t)
  const clientFailed = once(second.client.resume(), 'error')
  second.upstream.resetAndDestroy()
  assert.equal((await clientFailed)[0].code, 'ECONNRESET')
  await first.line()
  await inFlight(second.adminUrl, 0)
})

test('bytes that come right behind the handshake are not lost', async (t) => {
  const heard = Promise.withResolvers<string>()
  const { port } = await tcpUpstream(t, (socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      if (text === '') socket.write(`${agreed(PROOF)}early bird`)
      text += chunk.toString('latin1')
      if (text.endsWith('early worm')) heard.resolve(text)
    })
  })
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(`${handshake(`Sec-WebSocket-Key: ${KEY}`)}early worm`)
  let text = ''
  while (!text.endsWith('early bird')) text += String((await once(client, 'data'))[0])
  await heard.promise
  client.destroy()
})

test('silence in both directions ends a tunnel; talk keeps it', async (t) => {
  const clock = new VirtualClock()
  const { client, upstream, line } = await bare(t, { clock, limits: { tunnelIdleMs: 100 } })
  for (let i = 0; i < 5; i++) {
    clock.advance(90)
    client.write('x')
    await once(upstream, 'data')
  }
  clock.advance(100)
  await closed(client)
  assert.equal((await line()).status, 101)
})

test('a client that goes before the handshake is through lets the instance go', async (t) => {
  const arrival = Promise.withResolvers<Socket>()
  const { port } = await tcpUpstream(t, (socket) => socket.once('data', () => arrival.resolve(socket)))
  const { gateway, adminUrl, line } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(handshake(`Sec-WebSocket-Key: ${KEY}`))
  const upstream = await arrival.promise
  client.resetAndDestroy()
  await once(upstream.resume(), 'end')
  assert.equal((await line()).status, 499)
  await inFlight(adminUrl, 0)
})

test('closing the gateway cuts tunnels off after the time to drain; reload leaves them', async (t) => {
  const { client, upstream, gateway } = await bare(t, { limits: { drainMs: 50 } })
  gateway.reload({ port: 0, routes: [{ to: 'users' }] })
  client.write('still there')
  await once(upstream, 'data')
  const gone = Promise.all([closed(client), closed(upstream)])
  await gateway.close()
  await gone
})

test('a request pipelined before an upgrade is answered before it', async (t) => {
  const { port, server } = await httpUpstream(t, (_, response) => response.end('plain'))
  const sockets = new WebSocketServer({ server })
  t.after(() => {
    for (const one of sockets.clients) one.terminate()
  })
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(`GET /plain/ HTTP/1.1\r\nHost: a\r\n\r\n${handshake(`Sec-WebSocket-Key: ${KEY}`)}`)
  let text = ''
  for await (const bytes of client) {
    text += String(bytes)
    if (text.includes('101 Switching')) break
  }
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 101'])
})

test('an instance with an IPv6 address gets a Host that is one', async (t) => {
  const server = createServer().listen(0, '::1')
  await once(server, 'listening')
  const sockets = new WebSocketServer({ server })
  t.after(() => {
    sockets.close()
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const asked = new Promise<string | undefined>((resolve) =>
    sockets.once('connection', (_, { headers }) => resolve(headers.host)),
  )
  const routes = [{ to: 'users', websocket: true, preserveHost: false }]
  const { gateway, line } = await workbench(t, { routes, instances: [instance(port, { address: '::1' })] })
  const socket = await opened(`ws://127.0.0.1:${gateway.port}/`)
  assert.equal(await asked, `[::1]:${port}`)
  socket.close()
  await line()
})

test('the rules of a route hold for WebSockets too', async (t) => {
  const key = createHash('sha256').update('k1').digest('hex')
  const { wsUrl, seen, gateway } = await echo(t, {
    routes: [
      {
        path: '/live/*',
        to: 'users',
        websocket: true,
        auth: { apiKeys: { in: 'query:key', keys: { shop: `sha256:${key}` } } },
        rateLimit: { requests: 1, seconds: 60, by: 'identity' },
        requestHeaders: { set: { 'x-tenant': 'acme' } },
        rewrite: { prefix: '/ws' },
      },
    ],
  })
  const socket = await opened(`${wsUrl}/live/echo?key=k1`, { headers: { 'x-skein-subject': 'forged' } })
  assert.deepEqual([seen[0]!['x-tenant'], seen[0]!['x-skein-subject']], ['acme', 'shop'])
  socket.close()
  await once(socket, 'close')
  const head = (target: string) =>
    `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  assert.equal((await rawRequest(gateway.port, head('/live/echo'))).status, 401)
  assert.equal((await rawRequest(gateway.port, head('/live/echo?key=k1'))).status, 429)
})
