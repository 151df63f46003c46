/** Sockets: UDP and TCP on one port. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { encodeQuestion, type Shown, show } from './peer.fixture.ts'
import { type DnsServerOptions, startDns } from './server.ts'
import { exampleView } from './zone.fixture.ts'

const { state, datacenter, node } = exampleView()

async function start(context: TestContext, options: Partial<DnsServerOptions> = {}) {
  const metrics = new Metrics()
  const dns = await startDns({ state, datacenter, node, port: 0, metrics, ...options })
  context.after(() => dns.close())
  return { ...dns, metrics }
}

async function overUdp(port: number, message: Buffer): Promise<Shown> {
  const socket = createSocket('udp4')
  socket.send(message, port, '127.0.0.1')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return show(answer)
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(2)
  prefix.writeUInt16BE(message.length)
  return Buffer.concat([prefix, message])
}

/** The next `count` messages. Rejects when the connection ends before. */
function readFrames(socket: Socket, count: number): Promise<Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>()
  const frames: Buffer[] = []
  let received: Buffer = Buffer.alloc(0)
  const take = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0)
      frames.push(received.subarray(2, end))
      received = received.subarray(end)
    }
    if (frames.length >= count) resolve(frames)
  }
  const closed = () => reject(new Error(`closed after ${frames.length} of ${count} messages`))
  socket.on('data', take).once('close', closed)
  return promise.finally(() => socket.off('data', take).off('close', closed))
}

const WEB = encodeQuestion('web.service.consul A')
const MANY = encodeQuestion('many.service.consul SRV')

test('one port, UDP and TCP', async (context) => {
  const { port } = await start(context)
  assert.equal((await overUdp(port, MANY)).answer.length, 3)
  const socket = await dial(port)
  socket.write(framed(MANY))
  assert.equal(show((await readFrames(socket, 1))[0]!).answer.length, 40)
  socket.destroy()
})

test('TCP: many queries in one piece, one query in many', async (context) => {
  const { port } = await start(context)
  const socket = await dial(port)
  socket.setNoDelay()
  socket.write(Buffer.concat(Array.from({ length: 50 }, (_, i) => framed(i % 2 === 0 ? WEB : MANY))))
  const counts = (await readFrames(socket, 50)).map((frame) => show(frame).answer.length)
  assert.deepEqual(
    counts,
    Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 2 : 40)),
  )
  for (const byte of framed(WEB)) {
    socket.write(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(show((await readFrames(socket, 1))[0]!).answer.length, 2)
  socket.destroy()
})

test('TCP: nonsense ends the connection, and no other', async (context) => {
  const { port } = await start(context)
  const other = await dial(port)
  for (const nonsense of [Buffer.alloc(2), framed(Buffer.alloc(5)), framed(Buffer.alloc(40, 0xff))]) {
    const socket = await dial(port)
    socket.on('error', () => {}) // a reset is an end too
    socket.resume().write(nonsense)
    await once(socket, 'close')
  }
  other.write(framed(WEB))
  assert.equal((await readFrames(other, 1)).length, 1)
  other.destroy()
})

test('TCP: half a query does not keep a connection alive', async (context) => {
  const clock = new VirtualClock()
  const { port } = await start(context, { clock, idleMs: 1000 })
  const socket = await dial(port)
  socket.on('error', () => {})
  socket.write(framed(WEB))
  await readFrames(socket, 1)
  clock.advance(999)
  socket.write(framed(WEB))
  await readFrames(socket, 1)
  clock.advance(999)
  socket.write(framed(WEB).subarray(0, 10))
  assert.equal((await overUdp(port, WEB)).rcode, 'NOERROR') // by now the half has arrived
  clock.advance(1)
  await once(socket.resume(), 'close')
})

test('TCP: more connections than allowed are refused, until one is closed', async (context) => {
  const { port, metrics } = await start(context, { maxConnections: 2 })
  const kept = [await dial(port), await dial(port)]
  for (const socket of kept) {
    socket.write(framed(WEB))
    await readFrames(socket, 1)
  }
  assert.match(metrics.toText(), /^skein_registry_dns_tcp_connections 2$/m)
  const refused = connect(port, '127.0.0.1').on('error', () => {})
  await once(refused, 'close')
  kept[0]!.end()
  await once(kept[0]!.resume(), 'close')
  const next = await dial(port)
  next.write(framed(WEB))
  assert.equal((await readFrames(next, 1)).length, 1)
  next.destroy()
  kept[1]!.destroy()
})

test('TCP: who asks and does not read is not read either', async (context) => {
  const { port, metrics } = await start(context)
  const socket = await dial(port)
  const asked = 8000 // 20 MB of answers: more than the sockets of both sides hold
  socket.pause().write(Buffer.concat(Array.from({ length: asked }, () => framed(MANY))))
  const answered = () => Number(/transport="tcp",rcode="NOERROR"} (\d+)/.exec(metrics.toText())?.[1] ?? 0)
  let before = -1
  while (answered() !== before || before === 0) {
    before = answered()
    for (let i = 0; i < 20; i++) await overUdp(port, WEB) // the server has had every chance to go on
  }
  assert.ok(before < asked, `${before} of ${asked} answered`)
  socket.resume()
  assert.equal((await readFrames(socket, asked)).length, asked)
  socket.destroy()
})

test('TCP: who has closed its side still reads its answers', async (context) => {
  const { port } = await start(context)
  for (const asked of [1, 3000]) {
    const socket = await dial(port)
    socket.pause().end(Buffer.concat(Array.from({ length: asked }, () => framed(MANY))))
    await once(socket, 'finish')
    for (let i = 0; i < 20; i++) await overUdp(port, WEB) // the server has met its end
    const closed = once(socket, 'close')
    assert.equal((await readFrames(socket.resume(), asked)).length, asked)
    await closed
  }
})

test('TCP: who asks for much at once leaves turns of the event loop to others', async (context) => {
  const clock = new VirtualClock()
  const inTurn: number[] = []
  let isNew = true
  const findQuery = () => {
    clock.advance(2)
    if (isNew) {
      inTurn.push(0)
      isNew = false
      setImmediate(() => {
        isNew = true
      })
    }
    inTurn[inTurn.length - 1]!++
    return undefined
  }
  const { port } = await start(context, { clock, findQuery })
  const socket = await dial(port)
  const query = framed(encodeQuestion('any.query.consul A'))
  socket.write(Buffer.concat(Array.from({ length: 100 }, () => query)))
  assert.equal((await readFrames(socket, 100)).length, 100)
  assert.ok(Math.max(...inTurn) <= 3, `${inTurn.join(' ')} in one turn`)
  socket.destroy()
})

test('a fault of our own is SERVFAIL, and the next query is answered', async (context) => {
  const findQuery = () => {
    throw new Error('a fault')
  }
  const { port, metrics } = await start(context, { findQuery })
  assert.equal((await overUdp(port, encodeQuestion('any.query.consul A'))).rcode, 'SERVFAIL')
  assert.equal((await overUdp(port, WEB)).rcode, 'NOERROR')
  assert.match(metrics.toText(), /dns_queries_total\{transport="udp",rcode="SERVFAIL"\} 1/)
})

test('a taken port is an error that names it, for TCP and for UDP, and nothing stays open', async () => {
  const options = { state, datacenter, node }
  const tcp = createServer().listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as { port: number }
  await assert.rejects(startDns({ ...options, port }), { code: 'EADDRINUSE', port })
  tcp.close()
  await once(tcp, 'close')
  const udp = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true })
  await once(udp, 'listening')
  await assert.rejects(startDns({ ...options, port }), { code: 'EADDRINUSE', port })
  udp.close()
  await once(udp, 'close')
  const dns = await startDns({ ...options, port })
  await Promise.all([dns.close(), dns.close()])
})

test('close ends open connections', async (context) => {
  const dns = await start(context)
  const socket = await dial(dns.port)
  socket.on('error', () => {})
  socket.write(framed(WEB))
  await readFrames(socket, 1)
  await dns.close()
  await once(socket.resume(), 'close')
})

test('IPv6', async (context) => {
  const { port } = await start(context, { host: '::1' })
  const socket = createSocket('udp6')
  socket.send(WEB, port, '::1')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  assert.equal(show(answer).answer.length, 2)
})
