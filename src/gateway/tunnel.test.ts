/** WebSockets over HTTP/1.1: what all have in common is in tunnel.suite.ts. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { agreed, bare, type Client, type Enter, echo, inFlight, keyIn, ROUTES, tunnelSuite } from './tunnel.suite.ts'
import { httpUpstream, instance, rawRequest, tcpUpstream, workbench } from './workbench.suite.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const handshake = (...fields: string[]) =>
  `GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
const WITH_KEY = handshake(`Sec-WebSocket-Key: ${KEY}`)

/** `ws` itself, and a bare socket where bytes are meant. */
const enter: Enter = async (_t, port): Promise<Client> => ({
  async open(path, fields = {}) {
    const socket = begun(port, path, fields)
    const [[{ headers: head }]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])
    return { socket, head }
  },
  async ask(path, fields = {}) {
    const [, answer] = await once(begun(port, path, fields), 'unexpected-response')
    return { status: answer.statusCode, head: answer.headers, text: String(Buffer.concat(await answer.toArray())) }
  },
  async bytes(path) {
    const socket = shaken(port, path)
    const [head] = await once(socket, 'data')
    assert.match(String(head), /^HTTP\/1\.1 101 /)
    return socket
  },
  begin(path) {
    const socket = shaken(port, path)
    return () => socket.resetAndDestroy()
  },
})

function begun(port: number, path: string, { 'sec-websocket-protocol': protocol, ...headers }: Record<string, string>) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol === undefined ? [] : [protocol], { headers })
  socket.on('error', () => undefined)
  return socket
}

function shaken(port: number, path: string) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(WITH_KEY.replace('/ws/', path))
  return socket
}

tunnelSuite('over HTTP/1.1', enter)

test('on a route with CORS only its pages and the site’s own open a WebSocket, and what is no browser', async (t) => {
  const cors = { origins: ['https://shop.example.com'] }
  const routes = [
    { path: '/ws/*', to: 'users', websocket: true, cors },
    { path: '/any/*', to: 'users', websocket: true, cors: { origins: '*' as const } },
  ]
  const { client, url, line, lines } = await echo(t, enter, { routes })
  const named = { origin: 'https://site.example', host: 'Site.example:443' }
  for (const fields of [{ origin: 'https://shop.example.com' }, { origin: url }, {}, named]) {
    ;(await client.open('/ws/', fields)).socket.terminate()
  }
  ;(await client.open('/any/', { origin: 'https://evil.example' })).socket.terminate()
  for (const origin of ['https://evil.example', 'http://shop.example.com', 'null', 'http://127.0.0.1:1']) {
    assert.equal((await client.ask('/ws/', { origin })).status, 403, origin)
  }
  await line(9)
  assert.equal(lines.filter(({ reason }) => reason === 'websocket_origin').length, 4)
})

test('an upgrade on a plain route is refused, and a WebSocket route still answers plain requests', async (t) => {
  const { client, url } = await echo(t, enter)
  assert.equal((await client.ask('/plain/')).status, 400)
  assert.equal(await (await fetch(`${url}/ws/`)).text(), 'plain')
})

test('what is no handshake is refused before an instance is asked', async (t) => {
  const { port } = await tcpUpstream(t, () => assert.fail('asked'))
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  for (const bytes of [handshake(), handshake('Sec-WebSocket-Key: short'), WITH_KEY.replace('GET', 'POST')]) {
    assert.equal((await rawRequest(gateway.port, bytes)).status, 400, bytes)
  }
})

test('a reset on one side is a reset on the other', async (t) => {
  const first = await bare(t, enter)
  const upstreamFailed = once(first.upstream.resume(), 'error')
  ;(first.stream as Socket).resetAndDestroy()
  assert.equal((await upstreamFailed)[0].code, 'ECONNRESET')
  const second = await bare(t, enter)
  const clientFailed = once(second.stream.resume(), 'error')
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
      if (text === '') socket.write(`${agreed(keyIn(chunk as Buffer))}early bird`)
      text += chunk.toString('latin1')
      if (text.endsWith('early worm')) heard.resolve(text)
    })
  })
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(`${WITH_KEY}early worm`)
  let text = ''
  while (!text.endsWith('early bird')) text += String((await once(client, 'data'))[0])
  await heard.promise
  client.destroy()
})

test('a request pipelined before an upgrade is answered before it', async (t) => {
  const { port, server } = await httpUpstream(t, (_, response) => response.end('plain'))
  const sockets = new WebSocketServer({ server })
  t.after(() => {
    for (const one of sockets.clients) one.terminate()
  })
  const { gateway } = await workbench(t, { routes: ROUTES, instances: [instance(port)] })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(`GET /plain/ HTTP/1.1\r\nHost: a\r\n\r\n${WITH_KEY}`)
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
  const { socket } = await (await enter(t, gateway.port)).open('/')
  assert.equal(await asked, `[::1]:${port}`)
  socket.close()
  await line()
})
