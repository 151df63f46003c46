/** Checks of the network against real servers: HTTP/2, gRPC (etcd serves its health protocol), TLS, UDP. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createH2, createSecureServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { needsEtcd, startEtcd } from '../../../test/support/etcd.ts'
import { probeGrpc, splitTarget } from './grpc.ts'
import { decodeStatus, encodeRequest } from './grpc-message.ts'
import { probeH2Ping } from './h2ping.ts'
import { probeHttp } from './http.ts'
import { probeTcp } from './tcp.ts'
import { TLS_CERT, TLS_KEY, TLS_NAME } from './tls.fixture.ts'
import { probeUdp } from './udp.ts'

const never = new AbortController().signal
const CERT = { cert: TLS_CERT, key: TLS_KEY }

async function listen(server: Server | Http2Server) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('tlsClientError', () => {}) // a client that does not trust the certificate breaks off
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A gRPC server that answers with these bytes and this trailer. */
function grpcServer(answer: Buffer, grpcStatus = '0', grpcMessage = '') {
  const server = createH2()
  const seen: { path: unknown; body: Buffer }[] = []
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      seen.push({ path: headers[':path'], body: Buffer.concat(chunks) })
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus, 'grpc-message': grpcMessage }))
      stream.end(answer)
    })
  })
  return { server, seen }
}

const serving = (status: number) => Buffer.from([0, 0, 0, 0, 2, 8, status])

test('gRPC: SERVING passes, whatever else is critical and named', async () => {
  const expected = [
    [serving(1), 'passing', /success$/],
    [serving(2), 'critical', /NOT_SERVING/],
    [serving(3), 'critical', /SERVICE_UNKNOWN/],
    [Buffer.alloc(5), 'critical', /UNKNOWN/],
    [Buffer.from('nonsense'), 'critical', /not one whole gRPC message/],
    [Buffer.alloc(100_000), 'critical', /too long/],
  ] as const
  for (const [answer, status, output] of expected) {
    const { server, seen } = grpcServer(answer)
    await using at = await listen(server)
    const result = await probeGrpc({ grpc: `127.0.0.1:${at.port}/shop.Users` }, never)
    assert.equal(result.status, status)
    assert.match(result.output, output)
    assert.equal(seen[0]?.path, '/grpc.health.v1.Health/Check')
    assert.equal(seen[0]?.body.toString('latin1'), '\0\0\0\0\x0c\n\nshop.Users')
  }
})

test('gRPC: an error of the server is shown; a server of HTTP/1 or of pages is none', async () => {
  const { server } = grpcServer(Buffer.alloc(0), '12', 'no such service')
  await using at = await listen(server)
  const grpc = `127.0.0.1:${at.port}`
  const output = `gRPC check ${grpc}: rpc error: code = 12 desc = no such service`
  assert.deepEqual(await probeGrpc({ grpc }, never), { status: 'critical', output })
  await using pages = await listen(createH2((_request, response) => response.writeHead(404).end()))
  assert.match((await probeGrpc({ grpc: `127.0.0.1:${pages.port}` }, never)).output, /HTTP status 404/)
  await using old = await listen(createHttps(CERT))
  assert.equal((await probeGrpc({ grpc: `127.0.0.1:${old.port}` }, never)).status, 'critical')
})

test("gRPC: the health service of etcd, which is Go's", { skip: needsEtcd() }, async () => {
  const etcd = await startEtcd()
  const { host } = new URL(etcd.urls[0]!)
  try {
    const output = `gRPC check ${host}: success`
    assert.deepEqual(await probeGrpc({ grpc: host }, never), { status: 'passing', output })
    assert.match(
      (await probeGrpc({ grpc: `${host}/no.such` }, never)).output,
      /rpc error: code = 5 desc = unknown service/,
    )
  } finally {
    await etcd.close()
  }
})

test('gRPC messages: names of any length, statuses of any size', () => {
  assert.deepEqual(splitTarget('h:1/a/b'), { address: 'h:1', service: 'a/b' })
  assert.equal(encodeRequest('').toString('hex'), '0000000000')
  assert.equal(encodeRequest('x'.repeat(300)).subarray(0, 8).toString('hex'), '000000012f0aac02')
  assert.equal(decodeStatus(Buffer.from([0, 0, 0, 0, 3, 8, 0x81, 0x01])), 'status 129')
  assert.throws(() => decodeStatus(Buffer.from([0, 0, 0, 0, 2, 8, 0x81])), /not a HealthCheckResponse/)
  assert.throws(() => decodeStatus(Buffer.from([1, 0, 0, 0, 2, 8, 1])), /compressed/)
})

test('H2PING: an HTTP/2 server answers, with and without TLS; any other does not', async () => {
  await using plain = await listen(createH2())
  const h2ping = `127.0.0.1:${plain.port}`
  assert.deepEqual(await probeH2Ping({ h2ping }, never), { status: 'passing', output: 'HTTP2 ping was successful' })
  await using secure = await listen(createSecureServer(CERT))
  const tls = { h2ping: `127.0.0.1:${secure.port}`, h2pingUseTls: true }
  assert.match((await probeH2Ping(tls, never)).output, /self-signed certificate/)
  assert.equal((await probeH2Ping({ ...tls, tlsSkipVerify: true }, never)).status, 'passing')
  await using old = await listen(createTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
  assert.equal((await probeH2Ping({ h2ping: `127.0.0.1:${old.port}` }, never)).status, 'critical')
})

test('H2PING and gRPC: silence is critical when the time is up', async () => {
  await using mute = await listen(createTcp())
  const address = `127.0.0.1:${mute.port}`
  for (const probe of [probeH2Ping, probeGrpc]) {
    const running = new AbortController()
    const result = probe({ h2ping: address, grpc: address }, running.signal)
    running.abort(new Error('no answer within 1 ms'))
    assert.match((await result).output, /no answer within 1 ms/)
  }
})

test('TLS: verified unless told otherwise, with the name that was asked for, for TCP and HTTP', async () => {
  const names: unknown[] = []
  const heard = (name: string, accept: (error: null) => void) => {
    names.push(name)
    accept(null)
  }
  const server = createHttps({ ...CERT, SNICallback: heard }, (_request, response) => response.end('ok'))
  await using at = await listen(server)
  const tcp = { tcp: `127.0.0.1:${at.port}`, tcpUseTls: true }
  const http = { http: `https://127.0.0.1:${at.port}/` }
  assert.match((await probeTcp(tcp, never)).output, /self-signed certificate/)
  assert.match((await probeHttp(http, never)).output, /self-signed certificate/)
  assert.deepEqual(names, [], 'an address is not a name')
  const lenient = { tlsSkipVerify: true, tlsServerName: TLS_NAME }
  assert.equal((await probeTcp({ ...tcp, ...lenient }, never)).status, 'passing')
  assert.equal((await probeHttp({ ...http, ...lenient }, never)).status, 'passing')
  assert.deepEqual(names, [TLS_NAME, TLS_NAME])
})

test('UDP: an answer passes, and so does silence until the time is up; a closed port is critical', async () => {
  const echo = createSocket('udp4', (message, from) => echo.send(message, from.port, from.address))
  const mute = createSocket('udp4')
  const open = async (socket: typeof echo) => {
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return `127.0.0.1:${socket.address().port}`
  }
  const udp = await open(echo)
  assert.deepEqual(await probeUdp({ udp }, never), { status: 'passing', output: `UDP connect ${udp}: Success` })
  const silent = await open(mute)
  const running = new AbortController()
  const arrived = once(mute, 'message')
  const result = probeUdp({ udp: silent }, running.signal)
  await arrived
  running.abort(new Error('no answer'))
  assert.equal((await result).status, 'passing')
  echo.close()
  mute.close()
  const refused = await probeUdp({ udp: '127.0.0.1:1' }, never)
  assert.deepEqual(refused, { status: 'critical', output: 'dial udp 127.0.0.1:1: connect: connection refused' })
})
