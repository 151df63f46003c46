/** Answers to requests that came together. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { below, seeded } from '../core/random.ts'
import { CHUNKED, type ServerExchange, UNTIL_CLOSE } from './contract.ts'
import { WireServer } from './server.ts'
import type { H1Exchange } from './server-exchange.ts'

interface Talk {
  readonly socket: Socket
  /** What came, a piece for each time that something was read. */
  readonly pieces: string[]
  text(): string
}

async function serve(t: TestContext, onRequest: (exchange: ServerExchange) => void, pipelining = 8) {
  const server = new WireServer({
    limits: { pipelining },
    onRequest,
    onRefused: (connection) => connection.answerRefusal('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'),
    onBodyRefused: () => {},
    onError: (error) => assert.fail(error),
  })
  const port = await server.listen(0, '127.0.0.1')
  t.after(async () => {
    server.stopAccepting()
    await server.destroy()
  })
  return {
    server,
    talk(bytes: string): Talk {
      const pieces: string[] = []
      const socket = connect(port, '127.0.0.1').setEncoding('latin1')
      socket.on('error', () => {}).on('data', (piece: string) => pieces.push(piece))
      socket.write(bytes)
      return { socket, pieces, text: () => pieces.join('') }
    },
  }
}

const get = (target: string, fields = '', method = 'GET') => `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
const answered = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`
const turn = () => new Promise(setImmediate)
async function until(done: () => boolean): Promise<void> {
  while (!done()) await turn()
}

test('go out in one piece, and each is told that it is done, in order', async (t) => {
  const order: string[] = []
  const { talk } = await serve(t, (exchange) => {
    const { target } = exchange.head
    exchange.observer = {
      drained() {},
      gone: () => order.push(`${target} gone`),
      done: () => order.push(`${target} done`),
    }
    queueMicrotask(() => {
      exchange.send(200, [], target)
      order.push(`${target} sent`)
    })
  })
  const { pieces, text } = talk(get('/a') + get('/b') + get('/c'))
  const wanted = answered('/a') + answered('/b') + answered('/c')
  await until(() => text().length === wanted.length)
  assert.deepEqual(pieces, [wanted])
  assert.deepEqual(
    order.filter((one) => one.endsWith('done')),
    ['/a done', '/b done', '/c done'],
  )
})

test('do not wait for one that takes longer than the turn', async (t) => {
  const begun: ServerExchange[] = []
  const { talk } = await serve(t, (exchange) => void begun.push(exchange))
  const { text } = talk(get('/a') + get('/b') + get('/c'))
  await until(() => begun.length === 3)
  begun[0]!.send(200, [], 'a')
  await until(() => text() === answered('a'))
  begun[2]!.send(200, [], 'c')
  await turn()
  assert.equal(text(), answered('a'))
  begun[1]!.send(200, [], 'b')
  await until(() => text() === answered('a') + answered('b') + answered('c'))
})

test('the connection ends behind the last of them', async (t) => {
  const { talk } = await serve(t, (exchange) => queueMicrotask(() => exchange.send(200, [], 'x')))
  const { socket, text } = talk(get('/a') + get('/b', 'Connection: close\r\n'))
  await once(socket, 'end')
  assert.equal(text(), `${answered('x')}HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx`)
})

test('what was not handed over when the connection broke is told as gone', async (t) => {
  const told: string[] = []
  const begun: ServerExchange[] = []
  const { talk } = await serve(t, (exchange) => {
    const { target } = exchange.head
    exchange.observer = {
      drained() {},
      gone: () => told.push(`${target} gone`),
      done: () => told.push(`${target} done`),
    }
    begun.push(exchange)
  })
  const { socket } = talk(get('/a') + get('/b'))
  await until(() => begun.length === 2)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  begun[0]!.send(200, [], 'a')
  assert.deepEqual(told, [])
  begun[1]!.reset()
  await closed
  await until(() => told.length === 2)
  // The first was written before the reset.
  assert.deepEqual(told, ['/a done', '/b gone'])
})

for (const [what, first, second] of [
  ['a POST behind a GET', 'GET', 'POST'],
  ['a GET behind a POST', 'POST', 'GET'],
  ['a DELETE behind a PUT', 'PUT', 'DELETE'],
] as const) {
  test(`${what} is begun when that is answered`, async (t) => {
    const begun: ServerExchange[] = []
    const { talk } = await serve(t, (exchange) => void begun.push(exchange))
    const length = 'Content-Length: 0\r\n'
    const { socket, text } = talk(get('/1', length, first) + get('/2', length, second))
    await until(() => begun.length === 1)
    // What comes behind does not change it.
    socket.write(get('/3'))
    for (let i = 0; i < 5; i++) await turn()
    assert.equal(begun.length, 1)
    begun[0]!.send(200, [], '1')
    await until(() => begun.length >= 2)
    assert.equal(begun[1]!.head.target, '/2')
    begun[1]!.send(200, [], '2')
    await until(() => begun.length === 3)
    begun[2]!.send(200, [], '3')
    await until(() => text() === answered('1') + answered('2') + answered('3'))
  })
}

test('a connection that drains ends when all of them are out', async (t) => {
  const begun: ServerExchange[] = []
  const { talk, server } = await serve(t, (exchange) => void begun.push(exchange))
  const { socket, text } = talk(get('/a') + get('/b'))
  await until(() => begun.length === 2)
  server.stopAccepting()
  for (const exchange of begun) exchange.send(200, [], 'x')
  await once(socket, 'end')
  assert.match(
    text(),
    /^HTTP\/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP\/1.1 200 OK\r\n.*connection: close\r\n\r\nx$/s,
  )
})

test('whatever is answered when, in whatever way, comes in the order of the requests', async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  for (let round = 0; round < 40; round++) {
    const count = 2 + below(random, 12)
    const bodies = Array.from({ length: count }, (_, i) =>
      `${i};`.repeat(1 + below(random, round % 4 === 0 ? 20_000 : 20)),
    )
    const kinds = bodies.map(() => below(random, 4))
    const told: number[] = []
    const { talk, server } = await serve(t, (exchange) => {
      const i = Number(exchange.head.target.slice(1))
      exchange.observer = { drained() {}, gone: (error) => assert.fail(error), done: () => told.push(i) }
      void answer(exchange, bodies[i]!, kinds[i]!, below(random, 4))
    })
    const { text, socket } = talk(bodies.map((_, i) => get(`/${i}`)).join(''))
    const wanted = bodies.map((body, i) => answerText(body, kinds[i]!)).join('')
    await until(() => text().length >= wanted.length && told.length === count)
    assert.ok(text() === wanted, `round ${round}`)
    assert.equal(new Set(told).size, count)
    socket.destroy()
    server.stopAccepting()
  }
})

async function answer(exchange: ServerExchange, body: string, kind: number, turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await turn()
  if (kind === 0) return exchange.send(200, [], body)
  if (kind === 1) return exchange.send(200, [], Buffer.from(body))
  const bytes = Buffer.from(body)
  exchange.begin(200, [], kind === 2 ? bytes.length : CHUNKED)
  const half = bytes.length >> 1
  exchange.write(bytes.subarray(0, half))
  if (turns > 1) await turn()
  exchange.write(bytes.subarray(half))
  exchange.end()
}

function answerText(body: string, kind: number): string {
  if (kind < 3) return answered(body)
  const half = body.length >> 1
  const chunk = (text: string) => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`)
  const chunks = chunk(body.slice(0, half)) + chunk(body.slice(half))
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`
}

/** Requests for /a, /b and so on in one packet; resolves once all are begun. */
async function atOnce(t: TestContext, targets: readonly string[]) {
  const begun: ServerExchange[] = []
  const told: string[] = []
  const { talk } = await serve(t, (exchange) => {
    const { target } = exchange.head
    const tell = (what: string) => () => void told.push(`${target} ${what}`)
    exchange.observer = { drained() {}, gone: tell('gone'), done: tell('done') }
    begun.push(exchange)
  })
  const { socket, text } = talk(targets.map((target) => get(target)).join(''))
  const failed: Error[] = []
  socket.on('error', (error) => failed.push(error))
  await until(() => begun.length === targets.length)
  return { begun, socket, text, told, failed }
}

test('one that breaks off takes none before it along, whoever is being answered', async (t) => {
  const { begun, socket, text, told, failed } = await atOnce(t, ['/a', '/b', '/c'])
  const [a, b, c] = begun as [ServerExchange, ServerExchange, ServerExchange]
  a.begin(200, [], 2)
  a.write(Buffer.from('x'))
  b.begin(200, [], CHUNKED)
  b.write(Buffer.from('part'))
  c.send(200, [], 'c')
  b.reset()
  await until(() => text().endsWith('x'))
  a.write(Buffer.from('y'))
  a.end()
  await once(socket, 'end')
  assert.equal(text(), answered('xy'))
  assert.deepEqual(failed, [])
  socket.end()
  await until(() => told.length === 3)
  assert.deepEqual(told, ['/a done', '/b gone', '/c gone'])
})

test('one that breaks off in the middle leaves what was written before it to who asked', async (t) => {
  const { begun, socket, text, failed } = await atOnce(t, ['/a', '/b'])
  const [a, b] = begun as [ServerExchange, ServerExchange]
  socket.pause()
  const large = 'x'.repeat(150_000)
  a.send(200, [], large)
  await until(() => a.done)
  b.begin(200, [], CHUNKED)
  b.write(Buffer.from('part'))
  b.reset()
  for (let i = 0; i < 10; i++) await turn()
  socket.resume()
  await once(socket, 'end')
  assert.equal(text(), `${answered(large)}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n`)
  assert.deepEqual(failed, [])
})

test('one that breaks off where nothing else would tell resets the connection', async (t) => {
  const { begun, socket } = await atOnce(t, ['/a', '/b'])
  const [a, b] = begun as [ServerExchange, ServerExchange]
  a.send(200, [], 'a')
  b.begin(200, [], UNTIL_CLOSE)
  b.write(Buffer.from('part'))
  b.reset()
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
})

test('a connection that is to end with one of them ends with the last that was begun', async (t) => {
  const { begun, socket, text, told } = await atOnce(t, ['/a', '/b'])
  const [a, b] = begun as [ServerExchange, ServerExchange]
  a.closeAfter()
  a.send(200, [], 'a')
  socket.write(get('/never'))
  for (let i = 0; i < 5; i++) await turn()
  b.send(200, [], 'b')
  await once(socket, 'end')
  assert.equal(text(), `${answered('a')}HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nb`)
  assert.deepEqual([told, begun.length], [['/a done', '/b done'], 2])
})

test('an answer in parts that ends on a destroyed connection counts as gone, and not as out', async (t) => {
  const { begun, told } = await atOnce(t, ['/a'])
  const [a] = begun as [ServerExchange]
  a.begin(200, [], CHUNKED)
  a.write(Buffer.from('a'))
  ;(a as H1Exchange).connection.socket.destroy()
  a.end()
  await until(() => told.length === 1)
  assert.deepEqual(told, ['/a gone'])
})

test('what waits for the end of the turn when the connection is destroyed counts as gone, and not as out', async (t) => {
  const { begun, told } = await atOnce(t, ['/a', '/b'])
  const [a] = begun as [ServerExchange]
  // Just before what waits is written.
  setImmediate(() => (a as H1Exchange).connection.socket.destroy())
  a.send(200, [], 'a')
  await until(() => told.length === 2)
  assert.deepEqual(told, ['/a gone', '/b gone'])
})
