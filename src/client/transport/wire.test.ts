import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { queryObjects } from 'node:v8'
import { VirtualClock } from '../../core/clock.ts'
import type { RawHeaders } from '../../core/headers.ts'
import { toReadable } from '../../wire/incoming.ts'
import { Pool } from '../../wire/pool.ts'
import { type Message, type Transport, TransportError } from '../transport.ts'
import { type WireTransportOptions, wireTransport } from './wire.ts'

interface Outcome {
  status?: number
  headers?: RawHeaders
  text: string
  error: Error | undefined
}

/** A TCP server that does what `serve` says with each connection, and a transport to it. */
async function wire(
  t: TestContext,
  serve: (socket: Socket, number: number) => void,
  options: WireTransportOptions = {},
) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket, sockets.size)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const transport = wireTransport(options)
  t.after(async () => {
    await transport.close()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
  return { transport, target, sockets, send: (message?: Partial<Message>) => exchange(transport, target, message) }
}

function exchange(transport: Transport, target: { address: string; port: number }, message: Partial<Message> = {}) {
  return new Promise<Outcome>((resolve) => {
    const outcome: Outcome = { text: '', error: undefined }
    transport.send(
      target,
      { method: 'GET', path: '/', headers: [], bodyIdleMs: 60_000, ...message },
      {
        head(status, headers, source) {
          const body = toReadable(source)
          Object.assign(outcome, { status, headers })
          body.on('data', (chunk) => {
            outcome.text += chunk
          })
          body.on('error', () => {})
          body.on('close', () => resolve(outcome))
        },
        end(error) {
          outcome.error = error
          if (outcome.status === undefined) resolve(outcome)
        },
      },
    )
  })
}

const FINE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const onRequest = (run: (socket: Socket, number: number) => void) => (socket: Socket) => {
  let number = 0
  socket.on('data', () => run(socket, ++number))
}

function failure({ error }: Outcome): [string, boolean] {
  assert.ok(error instanceof TransportError, String(error))
  return [error.stage, error.reused]
}

test('connections are used again, newest first; nothing waits for one that is taken', async (t) => {
  const { send, sockets } = await wire(
    t,
    onRequest((socket) => socket.write(FINE)),
  )
  assert.deepEqual((await send()).text, 'ok')
  await send()
  assert.equal(sockets.size, 1)
  await Promise.all([send(), send(), send()])
  assert.equal(sockets.size, 3)
})

test('only connections in use count against the most that may be', async (t) => {
  const held: Socket[] = []
  const { send, sockets } = await wire(
    t,
    onRequest((socket) => {
      held.push(socket)
      if (held.length === 2) for (const one of held.splice(0)) one.write(FINE)
    }),
    { connectionsMax: 2 },
  )
  for (let round = 0; round < 2; round++) {
    const three = await Promise.all([send(), send(), send()])
    assert.deepEqual(
      three.map(({ status }) => status),
      [200, 200, undefined],
      `round ${round}`,
    )
    assert.deepEqual(failure(three[2]!), ['connect', false])
  }
  assert.equal(sockets.size, 2)
})

test('nobody listens: nothing was sent', async (t) => {
  const { transport, target, send } = await wire(t, () => {})
  assert.deepEqual(failure(await exchange(transport, { ...target, port: 1 })), ['connect', false])
  await transport.close()
  assert.deepEqual(failure(await send()), ['connect', false])
})

test('closed before an answer: the request was sent, on a new or a used connection', async (t) => {
  const { send } = await wire(
    t,
    onRequest((socket, number) => (number === 1 ? socket.write(FINE) : socket.destroy())),
  )
  await send()
  assert.deepEqual(failure(await send()), ['request', true])
  const { send: other } = await wire(
    t,
    onRequest((socket) => socket.destroy()),
  )
  assert.deepEqual(failure(await other()), ['request', false])
})

test('a connection that was closed while idle is not used: the request goes over a new one', async (t) => {
  const { send, sockets } = await wire(
    t,
    onRequest((socket) => socket.write(FINE)),
  )
  await send()
  const [first] = sockets
  first?.end()
  await new Promise((resolve) => first?.once('close', resolve))
  const again = await send()
  assert.equal(again.text, 'ok')
  assert.equal(sockets.size, 2)
})

for (const [what, bytes] of Object.entries({
  'no HTTP': 'hello\r\n\r\n',
  'two lengths that differ': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok',
  'half a head': 'HTTP/1.1 200 OK\r\ncontent-le',
  'endless headers': `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_000)}`,
})) {
  test(`garbage before the head (${what}): a failure, and the connection is not used again`, async (t) => {
    const { send, sockets } = await wire(t, (socket, number) =>
      socket.on('data', () => (number === 1 ? socket.end(bytes) : socket.write(FINE))),
    )
    assert.deepEqual(failure(await send()), ['response', false])
    assert.equal((await send()).text, 'ok')
    assert.equal(sockets.size, 2)
  })
}

for (const [what, bytes] of Object.entries({
  'a body that ends early': 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf',
  'chunks without an end': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n',
  'a bad chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n',
})) {
  test(`after the head, ${what} is never taken as whole`, async (t) => {
    const { send } = await wire(
      t,
      onRequest((socket) => socket.end(bytes)),
    )
    const outcome = await send()
    assert.equal(outcome.status, 200)
    assert.deepEqual(failure(outcome), ['response', false])
  })
}

test('bytes after an answer reach nobody', async (t) => {
  const { send, sockets } = await wire(t, (socket, number) =>
    socket.on('data', () => socket.write(number === 1 ? `${FINE}${FINE.replace('ok', 'no')}` : FINE)),
  )
  assert.equal((await send()).text, 'ok')
  assert.equal((await send()).text, 'ok')
  assert.equal(sockets.size, 2)
})

test('103 Early Hints are not the answer', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'
  const { send } = await wire(
    t,
    onRequest((socket) => socket.write(hints + FINE)),
  )
  assert.equal((await send()).status, 200)
})

test('breaking off ends at once, also while connecting, and closes the connection', async (t) => {
  const { transport, target, sockets } = await wire(t, () => {})
  const ended: (Error | undefined)[] = []
  const receiver = { head: () => assert.fail('head'), end: (error?: Error) => ended.push(error) }
  const message = { method: 'GET', path: '/', headers: [], bodyIdleMs: 1000 }
  const breakOff = transport.send(target, message, receiver)
  const reason = new Error('enough')
  breakOff(reason)
  breakOff(new Error('again'))
  assert.deepEqual(ended, [reason])
  assert.ok(sockets.size <= 1)
})

test('no connection in a second: given up, and nothing was sent', async (t) => {
  const clock = new VirtualClock()
  const { transport } = await wire(t, () => {}, { clock })
  // TEST-NET-1 (RFC 5737) answers nothing; where the machine says at once that it is unreachable, that is a connect failure too.
  const failing = exchange(transport, { address: '192.0.2.1', port: 9 })
  await new Promise(setImmediate)
  clock.advance(1000)
  assert.deepEqual(failure(await failing), ['connect', false])
})

test('what cannot be written as HTTP is the mistake of this side', async (t) => {
  const { send } = await wire(t, () => {})
  for (const message of [{ path: '/a b' }, { headers: ['x', 'a\r\nb: c'] }, { method: 'GE T' }]) {
    const { error } = await send(message)
    assert.equal((error as { code?: string }).code, 'BAD_REQUEST')
  }
})

test('an address that is none: a failure, and nothing of it is left', async (t) => {
  const { transport } = await wire(t, () => {}, { connectionsMax: 1 })
  const before = queryObjects(Pool, { format: 'count' })
  for (let i = 0; i < 20; i++) {
    const { error } = await exchange(transport, { address: '127.0.0.1', port: 70_000 + (i >> 1) })
    assert.match(String(error), /port/i)
  }
  // The engine itself may hold on to the last one.
  assert.ok(queryObjects(Pool, { format: 'count' }) <= before + 1)
})
