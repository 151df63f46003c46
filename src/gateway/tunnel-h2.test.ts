/** WebSockets over HTTP/2 (RFC 8441): the same cases as in tunnel.test.ts. What speaks WebSocket at the client's end is npm's `ws`, on a stream. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { VirtualClock } from '../core/clock.ts'
import { type BenchOptions, deadPort, httpUpstream, instance, tcpUpstream, workbench } from './workbench.suite.ts'

const ROUTES = [
  { name: 'ws', path: '/ws/*', to: 'users', websocket: true },
  { path: '/plain/*', to: 'users' },
]

type Head = IncomingHttpHeaders & { readonly ':status'?: number }

/** A gateway, and a session of HTTP/2 to it on which the gateway has said what it can. */
async function bench(t: TestContext, port: number, options: BenchOptions = {}) {
  const made = await workbench(t, { routes: ROUTES, instances: [instance(port)], ...options })
  const session = connect(`http://127.0.0.1:${made.gateway.port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }]
  assert.equal(settings.enableConnectProtocol, true)
  return { ...made, session, port }
}

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
  return { ...(await bench(t, port, options)), sockets, seen }
}

async function ask(session: ClientHttp2Session, path: string, fields: object = {}) {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'shop.com',
      'sec-websocket-version': '13',
      ...fields,
    },
    { endStream: false },
  )
  stream.on('error', () => {})
  const [head] = (await once(stream, 'response')) as [Head]
  return { stream, head }
}

/** A client of `ws` on a stream: its handshake is behind it. */
async function opened(session: ClientHttp2Session, path: string, fields: object = {}) {
  const { stream, head } = await ask(session, path, fields)
  assert.equal(head[':status'], 200)
  const socket = new WebSocket(null as never, undefined, { closeTimeout: 30_000 } as never)
  const inner = socket as unknown as {
    _isServer: boolean
    setSocket(stream: ClientHttp2Stream, head: Buffer, options: object): void
  }
  inner._isServer = false
  // What it asks of a socket beyond a stream.
  Object.assign(stream, { setNoDelay: () => stream, setKeepAlive: () => stream })
  inner.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true,
    maxPayload: 8 * 1024 * 1024,
    skipUTF8Validation: false,
  })
  socket.on('error', () => {})
  return { socket, stream, head }
}

async function inFlight(adminUrl: string, wanted: number): Promise<void> {
  const look = async () => {
    const answer = await fetch(`${adminUrl}/explain?path=/ws/x`)
    return ((await answer.json()) as { candidates: { inFlight: number }[] }).candidates[0]!.inFlight
  }
  while ((await look()) !== wanted) await turn()
}

test('echo: text, binary, 1 MB, fragments, ping and pong; the instance is held while it lasts, and let go once', async (t) => {
  const { session, adminUrl, line, metrics } = await echo(t)
  const { socket } = await opened(session, '/ws/echo?a=b')
  await inFlight(adminUrl, 1)
  assert.match(metrics.toText(), /skein_gateway_tunnels\{route="ws"\} 1/)
  for (const message of ['hello', Buffer.alloc(1024 * 1024, 7)]) {
    socket.send(message)
    const [data] = await once(socket, 'message')
    assert.deepEqual(Buffer.from(data), Buffer.from(message as string))
  }
  for (const part of ['in ', 'three ']) socket.send(part, { fin: false })
  socket.send('parts', { fin: true })
  assert.equal(String((await once(socket, 'message'))[0]), 'in three parts')
  socket.ping('there?')
  assert.equal(String((await once(socket, 'pong'))[0]), 'there?')
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

test('many on one connection, beside plain requests', async (t) => {
  const { session } = await echo(t)
  const all = await Promise.all(Array.from({ length: 20 }, () => opened(session, '/ws/')))
  for (const [i, { socket }] of all.entries()) socket.send(`${i}`)
  const heard = await Promise.all(all.map(({ socket }) => once(socket, 'message')))
  assert.deepEqual(
    heard.map(([data]) => String(data)),
    all.map((_, i) => `${i}`),
  )
  const plain = session.request({ ':path': '/ws/' })
  let text = ''
  for await (const bytes of plain) text += String(bytes)
  assert.equal(text, 'plain')
  for (const { socket } of all) socket.terminate()
})

test('close codes pass in both directions', async (t) => {
  const { session, sockets } = await echo(t)
  const { socket: fromServer } = await opened(session, '/ws/')
  fromServer.send('close 4001')
  const [code, reason] = await once(fromServer, 'close')
  assert.deepEqual([code, String(reason)], [4001, 'as asked'])
  const { socket: fromClient } = await opened(session, '/ws/')
  const [serverSide] = [...sockets.clients].filter(({ readyState }) => readyState === WebSocket.OPEN)
  fromClient.close(4002, 'bye')
  const [seenCode, seenReason] = await once(serverSide!, 'close')
  assert.deepEqual([seenCode, String(seenReason)], [4002, 'bye'])
})

test('the handshake carries Origin, protocol, trace and client; not what is between us, and no proof', async (t) => {
  const { session, seen } = await echo(t)
  const { head, stream } = await opened(session, '/ws/', {
    origin: 'https://shop.com',
    'sec-websocket-protocol': 'chat',
    'x-forwarded-for': '6.6.6.6',
    'x-skein-internal': '1',
    'x-request-id': 'ws-1',
  })
  assert.deepEqual([head['x-request-id'], head['sec-websocket-protocol']], ['ws-1', 'chat'])
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection']) assert.equal(head[name], undefined, name)
  const handshake = seen[0]!
  assert.deepEqual([handshake.origin, handshake.host], ['https://shop.com', 'shop.com'])
  assert.equal(handshake['x-forwarded-for'], '127.0.0.1')
  assert.equal(handshake['x-skein-internal'], undefined)
  assert.equal(handshake['x-request-id'], 'ws-1')
  assert.match(String(handshake['sec-websocket-key']), /^[A-Za-z0-9+/]{22}==$/)
  assert.match(String(handshake['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  stream.destroy()
})

for (const [what, path, fields] of [
  ['on a plain route', '/plain/', {}],
  ['of another protocol', '/ws/', { ':protocol': 'connect-udp' }],
  ['with a dot segment', '/ws/../x', {}],
  ['with a key that is none', '/ws/', { 'sec-websocket-key': 'short' }],
] as const) {
  test(`an extended CONNECT ${what} is refused before an instance is asked`, async (t) => {
    const { port } = await tcpUpstream(t, () => assert.fail('asked'))
    const { session } = await bench(t, port)
    const { head, stream } = await ask(session, path, fields)
    assert.equal(head[':status'], 400)
    // The stream does not stay open for it.
    if (!stream.closed) await once(stream.resume(), 'close')
  })
}

test('a refusal by the instance is passed on in its own words', async (t) => {
  const { port, server } = await httpUpstream(t, () => undefined)
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: no\r\n\r\nno!'))
  const { session, line } = await bench(t, port)
  const { head, stream } = await ask(session, '/ws/')
  assert.deepEqual([head[':status'], head['x-why']], [403, 'no'])
  let text = ''
  for await (const bytes of stream) text += String(bytes)
  assert.equal(text, 'no!')
  assert.equal((await line()).status, 403)
})

test('an instance that accepts no connection is passed over', async (t) => {
  const { session, source, line, port: alive } = await echo(t)
  const dead = await Promise.all([deadPort(), deadPort()])
  source.set([...dead.map((one) => instance(one)), instance(alive)])
  for (let i = 0; i < 6; i++) (await opened(session, '/ws/')).stream.destroy()
  for (let i = 1; i <= 6; i++) assert.equal((await line(i)).instance, `users-${alive}`)
  source.set(dead.map((one) => instance(one)))
  const { head } = await ask(session, '/ws/')
  assert.deepEqual([head[':status'], head['x-skein-error']], [503, 'UNREACHABLE'])
})

const agreed = (key: string) => {
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`
}

const keyIn = (head: Buffer) => /sec-websocket-key: (\S+)/i.exec(String(head))![1]!

for (const [what, answer] of [
  ['a wrong proof', () => agreed('another')],
  ['another protocol', (key: string) => agreed(key).replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['no HTTP', () => 'hello\r\n\r\n'],
] as const) {
  test(`an instance that agrees with ${what} is 502, and no byte passes`, async (t) => {
    const { port } = await tcpUpstream(t, (socket) =>
      socket.once('data', (head: Buffer) => socket.write(answer(keyIn(head)))),
    )
    const { session } = await bench(t, port)
    assert.equal((await ask(session, '/ws/')).head[':status'], 502)
  })
}

test('an instance that does not answer the handshake is 504', async (t) => {
  const { port } = await tcpUpstream(t, (socket) => socket.resume())
  const { session } = await bench(t, port, { limits: { tunnelAnswerMs: 50 } })
  assert.equal((await ask(session, '/ws/')).head[':status'], 504)
})

/** However it comes about. */
const closed = (stream: Socket | ClientHttp2Stream) =>
  new Promise<void>((resolve) => stream.resume().once('close', resolve))

/** A tunnel with bare bytes at each end. */
async function bare(t: TestContext, options: BenchOptions = {}, early = '') {
  const arrival = Promise.withResolvers<Socket>()
  const { port } = await tcpUpstream(t, (socket) => {
    socket.once('data', (head: Buffer) => {
      socket.write(agreed(keyIn(head)) + early)
      arrival.resolve(socket)
    })
  })
  const made = await bench(t, port, options)
  const { stream: client, head } = await ask(made.session, '/ws/')
  assert.equal(head[':status'], 200)
  return { ...made, client, upstream: await arrival.promise }
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

test('a reset on one side is a reset on the other, and the connection lives', async (t) => {
  const first = await bare(t)
  const upstreamFailed = once(first.upstream.resume(), 'error')
  first.client.destroy(new Error('reset'))
  assert.equal((await upstreamFailed)[0].code, 'ECONNRESET')
  const second = await bare(t)
  second.upstream.resetAndDestroy()
  await closed(second.client)
  assert.equal(second.client.rstCode, constants.NGHTTP2_CANCEL)
  await first.line()
  await inFlight(second.adminUrl, 0)
  assert.equal(second.session.destroyed, false)
})

test('a connection that goes takes its tunnels with it', async (t) => {
  const { session, upstream, line } = await bare(t)
  const gone = closed(upstream)
  session.destroy()
  await gone
  assert.equal((await line()).status, 101)
})

test('bytes that come right behind the handshake are not lost', async (t) => {
  const { client } = await bare(t, {}, 'early bird')
  let text = ''
  while (text !== 'early bird') text += String((await once(client, 'data'))[0])
  client.destroy()
})

test('bytes that the client sends before the answer are not lost', async (t) => {
  const heard = Promise.withResolvers<string>()
  const { port } = await tcpUpstream(t, (socket) =>
    socket.once('data', (head: Buffer) => {
      let text = ''
      socket.on('data', (bytes) => {
        text += String(bytes)
        if (text === 'early worm') heard.resolve(text)
      })
      setTimeout(() => socket.write(agreed(keyIn(head))), 30)
    }),
  )
  const { session } = await bench(t, port)
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/ws/', ':authority': 'a' },
    { endStream: false },
  )
  stream.write('early worm')
  assert.equal(await heard.promise, 'early worm')
  stream.destroy()
})

test('a side that does not read holds the other back', async (t) => {
  const { client, upstream } = await bare(t)
  upstream.pause()
  client.pause()
  for (const writer of [client, upstream]) {
    let written = 0
    const more = () => {
      do written += 65_536
      while (!writer.destroyed && writer.write(Buffer.alloc(65_536)))
    }
    writer.on('drain', more)
    more()
    for (let before = -1; before !== written; ) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(written < 20_000_000, `${written} bytes`)
  }
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
  const { session, adminUrl, line } = await bench(t, port)
  const asking = ask(session, '/ws/')
  asking.catch(() => {})
  const upstream = await arrival.promise
  session.destroy()
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

test('the rules of a route hold for them too', async (t) => {
  const key = createHash('sha256').update('k1').digest('hex')
  const { session, seen } = await echo(t, {
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
  const { socket } = await opened(session, '/live/echo?key=k1', { 'x-skein-subject': 'forged' })
  assert.deepEqual([seen[0]!['x-tenant'], seen[0]!['x-skein-subject']], ['acme', 'shop'])
  socket.close()
  await once(socket, 'close')
  assert.equal((await ask(session, '/live/echo')).head[':status'], 401)
  assert.equal((await ask(session, '/live/echo?key=k1')).head[':status'], 429)
})
