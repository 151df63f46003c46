/** WebSockets over HTTP/2 (RFC 8441): what all have in common is in tunnel.suite.ts. What speaks WebSocket at the client's end is npm's `ws`, on a stream. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import {
  agreed,
  bare,
  bench,
  type Client,
  closed,
  echo,
  type Fields,
  inFlight,
  keyIn,
  tunnelSuite,
} from './tunnel.suite.ts'
import { tcpUpstream } from './workbench.suite.ts'

type Head = IncomingHttpHeaders & { readonly ':status'?: number }

interface H2Client extends Client {
  readonly session: ClientHttp2Session
}

/** A session of HTTP/2 to the gateway, on which the gateway has said what it can. */
async function enter(t: TestContext, port: number): Promise<H2Client> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }]
  assert.equal(settings.enableConnectProtocol, true)
  return {
    session,
    async open(path, fields) {
      const { stream, head } = await answered(begun(session, path, fields))
      assert.equal(head[':status'], 200)
      return { socket: webSocketOn(stream), head }
    },
    async ask(path, fields) {
      const { stream, head } = await answered(begun(session, path, fields))
      let text = ''
      for await (const bytes of stream) text += String(bytes)
      return { status: head[':status'], head, text }
    },
    async bytes(path) {
      const { stream, head } = await answered(begun(session, path))
      assert.equal(head[':status'], 200)
      return stream
    },
    begin(path) {
      begun(session, path)
      return () => session.destroy()
    },
  }
}

function begun(session: ClientHttp2Session, path: string, fields: Fields = {}): ClientHttp2Stream {
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
  return stream
}

async function answered(stream: ClientHttp2Stream): Promise<{ stream: ClientHttp2Stream; head: Head }> {
  const [head] = (await once(stream, 'response')) as [Head]
  return { stream, head }
}

/** A client of `ws` on a stream: its handshake is behind it. */
function webSocketOn(stream: ClientHttp2Stream): WebSocket {
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
  return socket
}

tunnelSuite('over HTTP/2', enter)

test('many on one connection, beside plain requests', async (t) => {
  const { client } = await echo(t, enter)
  const all = await Promise.all(Array.from({ length: 20 }, () => client.open('/ws/')))
  for (const [i, { socket }] of all.entries()) socket.send(`${i}`)
  const heard = await Promise.all(all.map(({ socket }) => once(socket, 'message')))
  assert.deepEqual(
    heard.map(([data]) => String(data)),
    all.map((_, i) => `${i}`),
  )
  const plain = client.session.request({ ':path': '/ws/' })
  let text = ''
  for await (const bytes of plain) text += String(bytes)
  assert.equal(text, 'plain')
  for (const { socket } of all) socket.terminate()
})

test('what HTTP/1.1 proves a handshake by is between gateway and instance', async (t) => {
  const { client, seen } = await echo(t, enter)
  const { head, socket } = await client.open('/ws/')
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection']) assert.equal(head[name], undefined, name)
  assert.equal(seen[0]!.host, 'shop.com')
  assert.match(String(seen[0]!['sec-websocket-key']), /^[A-Za-z0-9+/]{22}==$/)
  socket.terminate()
})

for (const [what, path, fields] of [
  ['on a plain route', '/plain/', {}],
  ['of another protocol', '/ws/', { ':protocol': 'connect-udp' }],
  ['with a dot segment', '/ws/../x', {}],
  ['with a key that is none', '/ws/', { 'sec-websocket-key': 'short' }],
] as const) {
  test(`an extended CONNECT ${what} is refused before an instance is asked`, async (t) => {
    const { port } = await tcpUpstream(t, () => assert.fail('asked'))
    const { client } = await bench(t, enter, port)
    const { head, stream } = await answered(begun(client.session, path, fields))
    assert.equal(head[':status'], 400)
    // The stream does not stay open for it.
    if (!stream.closed) await once(stream.resume(), 'close')
  })
}

test('a reset on one side is a reset on the other, and the connection lives', async (t) => {
  const first = await bare(t, enter)
  const upstreamFailed = once(first.upstream.resume(), 'error')
  first.stream.destroy(new Error('reset'))
  assert.equal((await upstreamFailed)[0].code, 'ECONNRESET')
  const second = await bare(t, enter)
  second.upstream.resetAndDestroy()
  await closed(second.stream)
  assert.equal((second.stream as ClientHttp2Stream).rstCode, constants.NGHTTP2_CANCEL)
  await first.line()
  await inFlight(second.adminUrl, 0)
  assert.equal(second.client.session.destroyed, false)
})

test('a connection that goes takes its tunnels with it', async (t) => {
  const { client, upstream, line } = await bare(t, enter)
  const gone = closed(upstream)
  client.session.destroy()
  await gone
  assert.equal((await line()).status, 101)
})

test('bytes that come right behind the handshake are not lost', async (t) => {
  const { stream } = await bare(t, enter, {}, 'early bird')
  let text = ''
  while (text !== 'early bird') text += String((await once(stream, 'data'))[0])
  stream.destroy()
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
  const { client } = await bench(t, enter, port)
  const stream = begun(client.session, '/ws/')
  stream.write('early worm')
  assert.equal(await heard.promise, 'early worm')
  stream.destroy()
})

test('a side that does not read holds the other back', async (t) => {
  const { stream, upstream } = await bare(t, enter)
  upstream.pause()
  stream.pause()
  for (const writer of [stream, upstream]) {
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
  stream.destroy()
})
