/** What holds for a WebSocket through the gateway, however its client comes in. Each way in passes it with one line. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { VirtualClock } from '../core/clock.ts'
import { type BenchOptions, deadPort, httpUpstream, instance, tcpUpstream, workbench } from './workbench.suite.ts'

export const ROUTES = [
  { name: 'ws', path: '/ws/*', to: 'users', websocket: true },
  { path: '/plain/*', to: 'users' },
]

export type Fields = Readonly<Record<string, string>>

/** A client's way into the gateway on `port`; it ends with the test. */
export type Enter<C extends Client = Client> = (t: TestContext, port: number) => Promise<C>

export interface Client {
  /** A WebSocket that is open, and the head that agreed to it. */
  open(path: string, fields?: Fields): Promise<{ socket: WebSocket; head: IncomingHttpHeaders }>
  /** What a handshake is answered that is refused. */
  ask(path: string, fields?: Fields): Promise<{ status: number | undefined; head: IncomingHttpHeaders; text: string }>
  /** The bytes in a tunnel, both ways. */
  bytes(path: string): Promise<Duplex>
  /** Begins a handshake; the function that comes back breaks it off. */
  begin(path: string): () => void
}

/** A gateway with one instance, and a client that has come in. */
export async function bench<C extends Client>(
  t: TestContext,
  enter: Enter<C>,
  port: number,
  options: BenchOptions = {},
) {
  const made = await workbench(t, { routes: ROUTES, instances: [instance(port)], ...options })
  return { ...made, port, client: await enter(t, made.gateway.port) }
}

/** A `ws` echo server behind the gateway. */
export async function echo<C extends Client>(t: TestContext, enter: Enter<C>, options: BenchOptions = {}) {
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
  return { ...(await bench(t, enter, port, options)), sockets, seen }
}

/** A tunnel with bare bytes at each end. The instance says `early` in one breath with its agreement. */
export async function bare<C extends Client>(t: TestContext, enter: Enter<C>, options: BenchOptions = {}, early = '') {
  const arrival = Promise.withResolvers<Socket>()
  const { port } = await tcpUpstream(t, (socket) => {
    socket.once('data', (head: Buffer) => {
      socket.write(agreed(keyIn(head)) + early)
      arrival.resolve(socket)
    })
  })
  const made = await bench(t, enter, port, options)
  const stream = await made.client.bytes('/ws/')
  return { ...made, stream, upstream: await arrival.promise }
}

/** The instance's answer that agrees to a handshake with this key. */
export function agreed(key: string): string {
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`
}

export const keyIn = (head: Buffer) => /sec-websocket-key: (\S+)/i.exec(String(head))![1]!

/** However it comes about. */
export const closed = (stream: Duplex) => new Promise<void>((resolve) => stream.resume().once('close', resolve))

export async function inFlight(adminUrl: string, wanted: number): Promise<void> {
  const look = async () => {
    const answer = await fetch(`${adminUrl}/explain?path=/ws/x`)
    return ((await answer.json()) as { candidates: { inFlight: number }[] }).candidates[0]!.inFlight
  }
  while ((await look()) !== wanted) await turn()
}

export function tunnelSuite(name: string, enter: Enter): void {
  describe(`a WebSocket ${name}`, () => {
    test('echo: text, binary, 1 MB, fragments, ping and pong; the instance is held while it lasts, and let go once', async (t) => {
      const { client, adminUrl, line, metrics } = await echo(t, enter)
      const { socket } = await client.open('/ws/echo?a=b')
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

    test('close codes pass in both directions', async (t) => {
      const { client, sockets } = await echo(t, enter)
      const { socket: fromServer } = await client.open('/ws/')
      fromServer.send('close 4001')
      const [code, reason] = await once(fromServer, 'close')
      assert.deepEqual([code, String(reason)], [4001, 'as asked'])
      const { socket: fromClient } = await client.open('/ws/')
      const [serverSide] = [...sockets.clients].filter(({ readyState }) => readyState === WebSocket.OPEN)
      fromClient.close(4002, 'bye')
      const [seenCode, seenReason] = await once(serverSide!, 'close')
      assert.deepEqual([seenCode, String(seenReason)], [4002, 'bye'])
    })

    test('the handshake carries Origin, protocol, trace and client; not what is between us', async (t) => {
      const { client, seen } = await echo(t, enter)
      const { head, socket } = await client.open('/ws/', {
        origin: 'https://shop.com',
        'sec-websocket-protocol': 'chat',
        'x-forwarded-for': '6.6.6.6',
        'x-skein-internal': '1',
        'x-request-id': 'ws-1',
      })
      assert.deepEqual([head['x-request-id'], head['sec-websocket-protocol']], ['ws-1', 'chat'])
      const handshake = seen[0]!
      assert.equal(handshake.origin, 'https://shop.com')
      assert.equal(handshake['x-forwarded-for'], '127.0.0.1')
      assert.equal(handshake['x-skein-internal'], undefined)
      assert.equal(handshake['x-request-id'], 'ws-1')
      assert.match(String(handshake['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      socket.terminate()
    })

    test('a refusal by the instance is passed on in its own words', async (t) => {
      const { port, server } = await httpUpstream(t, () => undefined)
      const words = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: no\r\n\r\nno!'
      server.on('upgrade', (_, socket) => socket.end(words))
      const { client, line } = await bench(t, enter, port)
      const { status, head, text } = await client.ask('/ws/')
      assert.deepEqual([status, head['x-why'], text], [403, 'no', 'no!'])
      assert.equal((await line()).status, 403)
    })

    test('an instance that accepts no connection is passed over', async (t) => {
      const { client, source, line, port: alive } = await echo(t, enter)
      const dead = await Promise.all([deadPort(), deadPort()])
      source.set([...dead.map((one) => instance(one)), instance(alive)])
      for (let i = 0; i < 6; i++) (await client.open('/ws/')).socket.terminate()
      for (let i = 1; i <= 6; i++) assert.equal((await line(i)).instance, `users-${alive}`)
      source.set(dead.map((one) => instance(one)))
      const { status, head } = await client.ask('/ws/')
      assert.deepEqual([status, head['x-skein-error']], [503, 'UNREACHABLE'])
    })

    for (const [what, answer] of [
      ['a wrong proof', () => agreed('another')],
      ['another protocol', (key: string) => agreed(key).replace('Upgrade: websocket', 'Upgrade: h2c')],
      ['no protocol', (key: string) => agreed(key).replace('Upgrade: websocket\r\n', '')],
      ['a status that is none', () => 'HTTP/1.1 999 Yes\r\nContent-Length: 0\r\n\r\n'],
      ['no HTTP', () => 'hello\r\n\r\n'],
    ] as const) {
      test(`an instance that agrees with ${what} is 502, and no byte passes`, async (t) => {
        const { port } = await tcpUpstream(t, (socket) =>
          socket.once('data', (head: Buffer) => socket.write(answer(keyIn(head)))),
        )
        const { client } = await bench(t, enter, port)
        assert.equal((await client.ask('/ws/')).status, 502)
      })
    }

    test('an instance that does not answer the handshake is 504', async (t) => {
      const { port } = await tcpUpstream(t, (socket) => socket.resume())
      const { client } = await bench(t, enter, port, { limits: { tunnelAnswerMs: 50 } })
      assert.equal((await client.ask('/ws/')).status, 504)
    })

    test('half-close: one direction ends, the other goes on', async (t) => {
      const { stream, upstream, line } = await bare(t, enter)
      stream.end('last words')
      const [heard] = await once(upstream, 'data')
      assert.equal(String(heard), 'last words')
      await once(upstream, 'end')
      upstream.end('answer')
      const [answer] = await once(stream, 'data')
      assert.equal(String(answer), 'answer')
      await once(stream, 'end')
      assert.equal((await line()).status, 101)
    })

    test('silence in both directions ends a tunnel; talk keeps it', async (t) => {
      const clock = new VirtualClock()
      const { stream, upstream, line } = await bare(t, enter, { clock, limits: { tunnelIdleMs: 100 } })
      for (let i = 0; i < 5; i++) {
        clock.advance(90)
        stream.write('x')
        await once(upstream, 'data')
      }
      clock.advance(100)
      await closed(stream)
      assert.equal((await line()).status, 101)
    })

    test('a client that goes before the handshake is through lets the instance go', async (t) => {
      const arrival = Promise.withResolvers<Socket>()
      const { port } = await tcpUpstream(t, (socket) => socket.once('data', () => arrival.resolve(socket)))
      const { client, adminUrl, line } = await bench(t, enter, port)
      const go = client.begin('/ws/')
      const upstream = await arrival.promise
      go()
      await once(upstream.resume(), 'end')
      assert.equal((await line()).status, 499)
      await inFlight(adminUrl, 0)
    })

    test('closing the gateway cuts tunnels off after the time to drain; reload leaves them', async (t) => {
      const { stream, upstream, gateway } = await bare(t, enter, { limits: { drainMs: 50 } })
      gateway.reload({ port: 0, routes: [{ to: 'users' }] })
      stream.write('still there')
      await once(upstream, 'data')
      const gone = Promise.all([closed(stream), closed(upstream)])
      await gateway.close()
      await gone
    })

    test('what a route refuses whoever asks takes nothing of its limits', async (t) => {
      const rateLimit = { requests: 1, seconds: 60, by: 'route' as const }
      const { client, url } = await echo(t, enter, { routes: [{ to: 'users', rateLimit }], clock: new VirtualClock() })
      for (let i = 0; i < 3; i++) assert.equal((await client.ask('/')).status, 400)
      assert.deepEqual([(await fetch(url)).status, (await fetch(url)).status], [200, 429])
    })

    test('the rules of a route hold for it, too', async (t) => {
      const key = createHash('sha256').update('k1').digest('hex')
      const { client, seen } = await echo(t, enter, {
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
      const { socket } = await client.open('/live/echo?key=k1', { 'x-skein-subject': 'forged' })
      assert.deepEqual([seen[0]!['x-tenant'], seen[0]!['x-skein-subject']], ['acme', 'shop'])
      socket.close()
      await once(socket, 'close')
      assert.equal((await client.ask('/live/echo')).status, 401)
      assert.equal((await client.ask('/live/echo?key=k1')).status, 429)
    })
  })
}
