import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectH2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { VirtualClock } from '../core/clock.ts'
import { CHUNKED, type ServerExchange } from './contract.ts'
import { readAll } from './incoming.ts'
import type { ConnectionLimits } from './limits.ts'
import { WireServer, type WireServerOptions } from './server.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)

const silent = { drained() {}, gone() {}, done() {} }

/** A server on a free port that does with each exchange what `handle` says. */
async function serve(
  t: TestContext,
  handle: (exchange: ServerExchange) => void,
  limits: Partial<ConnectionLimits> = {},
  more: Partial<WireServerOptions> = {},
) {
  const server = new WireServer({
    limits,
    onRequest(exchange) {
      exchange.observer = silent
      handle(exchange)
    },
    onRefused: (connection, { status, reason }) =>
      connection.answerRefusal(
        `HTTP/1.1 ${status} no\r\ncontent-length: ${reason.length}\r\nconnection: close\r\n\r\n${reason}`,
      ),
    onBodyRefused: () => {},
    onError: (error) => t.diagnostic(String(error)),
    ...more,
  })
  const port = await server.listen(0, '127.0.0.1')
  t.after(() => {
    server.stopAccepting()
    return server.destroy()
  })
  return { server, port, talk: (...pieces: string[]) => conversation(port, pieces) }
}

test('a port that is taken is told by listen, and not also as what goes wrong while it serves', async (t) => {
  const { port } = await serve(t, () => {})
  const errors: Error[] = []
  const onError = (error: Error) => void errors.push(error)
  const second = new WireServer({ onRequest() {}, onRefused() {}, onBodyRefused() {}, onError })
  await assert.rejects(second.listen(port, '127.0.0.1'), { code: 'EADDRINUSE' })
  assert.deepEqual(errors, [])
})

/** Sends the pieces, each in a packet of its own, and resolves with all that comes back until the other side ends. */
async function conversation(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const answer = collect(socket)
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await new Promise(setImmediate)
  }
  return answer
}

async function collect(socket: Socket): Promise<string> {
  let text = ''
  for await (const bytes of socket) text += (bytes as Buffer).toString('latin1')
  return text
}

/** Answers with the request's method, target and body. */
const echo = (exchange: ServerExchange) => {
  const { head, body } = exchange
  const answer = (bytes: Uint8Array) =>
    exchange.send(200, ['x-method', head.method], `${head.target} ${Buffer.from(bytes).toString('latin1')}`)
  if (body === undefined) return answer(Buffer.alloc(0))
  readAll(body).then(answer, () => exchange.reset())
}

const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const bodies = (text: string) =>
  text
    .split('\r\n\r\n')
    .slice(1)
    .map((part) => part.split('HTTP/1.1 ')[0])

test('requests of one connection, pipelined, are answered in order', async (t) => {
  const { talk } = await serve(t, echo)
  const text = await talk(
    `GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nq\r\n0\r\n\r\n${LAST}`,
  )
  assert.deepEqual(bodies(text), ['/a ', '/b xyz', '/c q', '/last '])
  assert.equal(text.match(/connection: close/g)?.length, 1)
})

test('wherever the bytes are cut, the answers are the same', async (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const { port } = await serve(t, echo)
  const stream = `POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz\r\nGET /a HTTP/1.1\r\n\r\nPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nq!\r\n0\r\nA: b\r\n\r\n${LAST}`
  const expected = await conversation(port, [stream])
  assert.deepEqual(bodies(expected), ['/b xyz', '/a ', '/c q!', '/last '])
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const sorted = [0, ...places.sort((a, b) => a - b)]
      const pieces = sorted.map((from, i) => stream.slice(from, sorted[i + 1] ?? stream.length))
      assert.equal(await conversation(port, pieces), expected)
    }),
    { seed, numRuns: 60 },
  )
})

test('at depth 1 a request is not begun before the one ahead is answered', async (t) => {
  const begun: ServerExchange[] = []
  const { talk } = await serve(t, (exchange) => void begun.push(exchange))
  const answer = talk(`GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n`)
  while (begun.length === 0) await new Promise(setImmediate)
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  assert.equal(begun.length, 1)
  begun[0]!.send(200, [], 'one')
  assert.equal(begun.length, 2)
  begun[1]!.send(200, [], 'two')
  assert.deepEqual(bodies(await answer), ['one', 'two'])
})

test('deeper, requests are served together and answered in order, also streamed ones', async (t) => {
  const begun: ServerExchange[] = []
  const { talk } = await serve(t, (exchange) => void begun.push(exchange), { pipelining: 3 })
  const answer = talk(
    `GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\nGET /4 HTTP/1.1\r\nConnection: close\r\n\r\n`,
  )
  while (begun.length < 3) await new Promise(setImmediate)
  begun[2]!.send(200, [], 'three')
  begun[1]!.begin(200, [], CHUNKED)
  assert.equal(begun[1]!.write(Buffer.from('two')), false)
  assert.equal(begun.length, 3)
  begun[0]!.send(200, [], 'one')
  begun[1]!.end()
  while (begun.length < 4) await new Promise(setImmediate)
  begun[3]!.send(204, [], undefined)
  const text = await answer
  assert.deepEqual(bodies(text), ['one', '3\r\ntwo\r\n0', '', 'three', ''])
})

test('deeper, what was asked before the end is answered, and what stands behind it is not begun', async (t) => {
  const begun: string[] = []
  const handle = (exchange: ServerExchange) => {
    begun.push(exchange.head.target)
    setImmediate(() => setImmediate(() => echo(exchange)))
  }
  const { talk } = await serve(t, handle, { pipelining: 4 })
  const ask = (target: string, fields = '') => `GET ${target} HTTP/1.1\r\n${fields}\r\n`
  for (const end of ['GARBAGE\r\n\r\n', '']) {
    begun.length = 0
    const last = end === '' ? ask('/b', 'Connection: close\r\n') + ask('/c') : ask('/b') + end
    assert.match(await talk(ask('/a') + last), /^HTTP.*\/a HTTP.*connection: close.*\/b $/s)
    assert.deepEqual(begun, ['/a', '/b'])
  }
})

test('an answer before the end of its request: the client gets to see it, then the connection ends', async (t) => {
  const { port } = await serve(t, (exchange) => exchange.send(413, [], 'no'))
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(`POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n`)
  const answer = collect(socket)
  for (let i = 0; i < 10; i++) {
    socket.write(Buffer.alloc(1000))
    await new Promise(setImmediate)
  }
  const text = await answer
  assert.match(text, /^HTTP\/1\.1 413 /)
  assert.match(text, /connection: close/)
})

test('a body that is no HTTP: the exchange is told, nothing of it passes for whole', async (t) => {
  const refused: string[] = []
  const { talk } = await serve(t, echo, {}, { onBodyRefused: (_, { reason }) => void refused.push(reason) })
  const answer = talk('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n').catch(() => 'reset')
  assert.doesNotMatch(await answer, /200/)
  assert.deepEqual(refused, ['chunk_end'])
})

test('behind a body that is no HTTP little is read until its answer is out', async (t) => {
  const refused = Promise.withResolvers<ServerExchange>()
  const more = { onBodyRefused: refused.resolve }
  const { server, port } = await serve(t, () => {}, {}, more)
  const client = connect({ port, host: '127.0.0.1' })
  client.on('error', () => {})
  client.write('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n')
  const exchange = await refused.promise
  const { socket } = [...server.sweep.members][0]!
  client.write(Buffer.alloc(16 * 1024 * 1024))
  while (!socket.isPaused()) await new Promise(setImmediate)
  assert.ok(socket.bytesRead < 1024 * 1024, `${socket.bytesRead} bytes`)
  exchange.send(400, [], 'no')
  const [answer] = await once(client, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 400 .*no$/s)
})

test('what is no request is refused once, and nothing behind it is read', async (t) => {
  const begun: string[] = []
  const { talk } = await serve(t, ({ head }) => void begun.push(head.target))
  assert.match(await talk(`GET /\x01 HTTP/1.1\r\n\r\n${LAST}`), /target_characters$/)
  assert.deepEqual(begun, [])
})

test('too slow a head is 408; an idle connection is closed without a word', async (t) => {
  const { talk } = await serve(t, echo, { headMs: 60, keepAliveMs: 60 })
  assert.match(await talk('GET / HT'), /^HTTP\/1\.1 408 .*head_timeout$/s)
  assert.match(await talk('GET /a HTTP/1.1\r\n\r\n'), /\/a $/)
})

test('an empty line before a request is read over, a second is no request', async (t) => {
  const { talk } = await serve(t, echo)
  assert.deepEqual(bodies(await talk(`\r\n${LAST}`)), ['/last '])
  assert.match(await talk(`\r\n\r\n${LAST}`), /^HTTP\/1\.1 400 .*request_line$/s)
})

test('an empty line before a head gives it no more time', async (t) => {
  const clock = new VirtualClock()
  const { server, port } = await serve(t, echo, { headMs: 1000 }, { clock })
  const client = connect({ port, host: '127.0.0.1', noDelay: true })
  const answer = collect(client)
  const arrived = async (bytes: number) => {
    while ([...server.sweep.members][0]?.socket.bytesRead !== bytes) await new Promise(setImmediate)
  }
  client.write('\r')
  await arrived(1)
  clock.advance(600)
  client.write('\nG')
  await arrived(3)
  clock.advance(600)
  assert.equal(server.sweep.members.size === 0 || [...server.sweep.members][0]!.ending, true)
  assert.match(await answer, /^HTTP\/1\.1 408 /)
})

test('HTTP/1.0: closed after the answer unless asked to keep it; chunked becomes until the end', async (t) => {
  const { talk } = await serve(t, (exchange) => {
    exchange.begin(200, [], CHUNKED)
    exchange.write(Buffer.from('abc'))
    exchange.end()
  })
  const text = await talk('GET / HTTP/1.0\r\n\r\n')
  assert.match(text, /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n\r\nabc$/)
})

test('HEAD, 204 and 304 have no body whatever is written', async (t) => {
  const { talk } = await serve(t, (exchange) => {
    const status = Number(exchange.head.target.slice(1))
    exchange.begin(status, [], 3)
    exchange.write(Buffer.from('abc'))
    exchange.end()
  })
  const text = await talk(
    `HEAD /200 HTTP/1.1\r\n\r\nGET /204 HTTP/1.1\r\n\r\nGET /304 HTTP/1.1\r\nConnection: close\r\n\r\n`,
  )
  assert.doesNotMatch(text, /abc/)
  assert.deepEqual(text.match(/content-length: 3/g)?.length, 2)
})

test('a body that is not as long as was said is a mistake, told at once', async (t) => {
  const { talk } = await serve(t, (exchange) => {
    exchange.begin(200, [], 3)
    assert.throws(() => exchange.write(Buffer.from('abcd')), /longer/)
    assert.throws(() => exchange.end(), /shorter/)
    exchange.reset()
  })
  await assert.rejects(talk('GET / HTTP/1.1\r\n\r\n'), /ECONNRESET/)
})

test('a field that cannot be written is told, and another answer can still be given', async (t) => {
  const { talk } = await serve(t, (exchange) => {
    assert.throws(() => exchange.send(200, ['x', 'a\r\nb'], 'no'), /may not stand there/)
    exchange.send(500, [], 'sorry')
  })
  assert.match(await talk('GET / HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 500 .*sorry$/s)
})

test('a client that goes is noticed while its answer is waited for', async (t) => {
  const gone = Promise.withResolvers<Error>()
  const { port } = await serve(t, (exchange) => {
    exchange.observer = { ...silent, gone: gone.resolve }
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\n\r\nGET /behind HTTP/1.1\r\n\r\n', () => socket.destroy())
  assert.match((await gone.promise).message, /closed|ECONNRESET/)
})

test('a client that says no more still gets all of an answer that was written', async (t) => {
  const body = Buffer.alloc(16 * 1024 * 1024, 'x')
  const ended = Promise.withResolvers<void>()
  const { port } = await serve(t, (exchange) => {
    exchange.observer = { ...silent, gone: ended.reject, done: ended.resolve }
    exchange.send(200, [], body)
  })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'readable')
  socket.end()
  const text = await collect(socket)
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, body.length)
  await ended.promise
})

test('an answer that did not reach the system is not done: its client has gone', async (t) => {
  const ends: string[] = []
  const over = Promise.withResolvers<void>()
  const begun: string[] = []
  const { port } = await serve(t, (exchange) => {
    begun.push(exchange.head.target)
    const end = (how: string) => () => {
      ends.push(how)
      over.resolve()
    }
    exchange.observer = { ...silent, gone: end('gone'), done: end('done') }
    exchange.send(200, [], Buffer.alloc(16 * 1024 * 1024))
    setImmediate(() => exchange.reset())
  })
  const socket = connect(port, '127.0.0.1')
    .pause()
    .on('error', () => {})
  socket.write('GET /first HTTP/1.1\r\n\r\nGET /behind HTTP/1.1\r\n\r\n')
  await over.promise
  assert.deepEqual([ends, begun], [['gone'], ['/first']])
})

test('backpressure: a client that does not read holds the writer back until it does', async (t) => {
  const drained = Promise.withResolvers<void>()
  const full = Promise.withResolvers<ServerExchange>()
  const { port } = await serve(t, (exchange) => {
    exchange.observer = { ...silent, drained: drained.resolve }
    exchange.begin(200, [], CHUNKED)
    while (exchange.write(Buffer.alloc(64 * 1024)));
    full.resolve(exchange)
  })
  const socket = connect(port, '127.0.0.1').pause()
  socket.write('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  const exchange = await full.promise
  socket.resume()
  await drained.promise
  exchange.end()
  await once(socket, 'end')
})

test('upgrade: what came behind the head is handed over with the socket', async (t) => {
  const { talk } = await serve(t, (exchange) => {
    const { stream: socket, head } = exchange.upgrade(['x-own', '1'])
    let text = ''
    const take = (bytes: Buffer) => {
      text += String(bytes)
      if (text.endsWith('!')) socket.end(`got ${text}`)
    }
    take(head)
    socket.on('data', take).resume()
  })
  const asked = 'GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'
  const agreed = 'HTTP/1.1 101 Switching Protocols\r\nx-own: 1\r\nupgrade: x\r\nconnection: Upgrade\r\n\r\n'
  assert.equal(await talk(`${asked}abc`, 'def!'), `${agreed}got abcdef!`)
  assert.equal(await talk(asked, 'def!'), `${agreed}got def!`)
})

test('draining: idle connections close, others end with their answer', async (t) => {
  const begun: ServerExchange[] = []
  const { server, port } = await serve(t, (exchange) => void begun.push(exchange))
  const idle = collect(connect(port, '127.0.0.1'))
  const busy = connect(port, '127.0.0.1')
  busy.write('GET / HTTP/1.1\r\n\r\n')
  const answer = collect(busy)
  while (begun.length === 0 || server.connections < 2) await new Promise(setImmediate)
  server.stopAccepting()
  assert.equal(await idle, '')
  begun[0]!.send(200, [], 'ok')
  assert.match(await answer, /connection: close.*ok$/s)
})

test('HTTP/2: an answer that a slow client has read to its end is done', async (t) => {
  const over = Promise.withResolvers<string>()
  const handle = (exchange: ServerExchange) => {
    exchange.observer = { ...silent, gone: ({ message }) => over.resolve(message), done: () => over.resolve('done') }
    exchange.send(200, [], Buffer.alloc(8 * 1024 * 1024))
  }
  const { port } = await serve(t, handle, {}, { http2: true })
  const session = connectH2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  await once(stream, 'response')
  let length = 0
  for await (const bytes of stream) length += (bytes as Buffer).length
  assert.deepEqual([length, await over.promise], [8 * 1024 * 1024, 'done'])
})

test('HTTP/2: a stream that is refused before its end is closed, and nothing more is read of it', async (t) => {
  const { port } = await serve(t, echo, {}, { http2: true })
  const session = connectH2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const stream = session.request(
    { ':method': 'POST', ':path': '/', ':authority': 'a', host: 'b' },
    { endStream: false },
  )
  stream.on('error', () => {})
  const [head] = await once(stream, 'response')
  assert.equal(head[':status'], 400)
  if (!stream.destroyed) await new Promise((resolve) => stream.resume().once('close', resolve))
  assert.equal(stream.rstCode, 1, 'it is no request (RFC 9113 §8.1.1)')
})

test('HTTP/2: a refusal that is not taken is not waited for, and nothing is read meanwhile', async (t) => {
  const more = {
    http2: true,
    onRefusedStream: (exchange: ServerExchange) => exchange.send(400, [], 'no'),
  }
  const { port } = await serve(t, echo, { lingerMs: 100 }, more)
  const session = connectH2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } })
  t.after(() => session.destroy())
  const stream = session.request(
    { ':method': 'POST', ':path': '/', ':authority': 'a', host: 'b' },
    { endStream: false },
  )
  stream.on('error', () => {})
  const { socket } = session
  stream.write(Buffer.alloc(1024 * 1024))
  await once(stream, 'close')
  assert.equal(stream.rstCode, 8)
  assert.ok(socket.bytesWritten < 256 * 1024, `${socket.bytesWritten} bytes`)
})

test('a client that takes nothing of its answer is cut off, also when its body turns out to be no HTTP', async (t) => {
  const gone = Promise.withResolvers<Error>()
  const clock = new VirtualClock()
  const refused = Promise.withResolvers<void>()
  const handle = (exchange: ServerExchange) => {
    exchange.observer = { ...silent, gone: gone.resolve }
    exchange.begin(200, [], CHUNKED)
    exchange.write(Buffer.alloc(32 * 1024 * 1024))
  }
  const { port } = await serve(t, handle, { stallMs: 1000 }, { clock, onBodyRefused: () => refused.resolve() })
  const deaf = connect(port, '127.0.0.1').pause()
  deaf.on('error', () => {})
  deaf.write('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n')
  await refused.promise
  clock.advance(3000)
  await gone.promise
  deaf.destroy()
})

test('a client that takes nothing of its answer is cut off', async (t) => {
  const gone = Promise.withResolvers<Error>()
  const bytes = Buffer.alloc(32 * 1024 * 1024, 'x')
  const { port } = await serve(
    t,
    (exchange) => {
      exchange.observer = { ...silent, gone: gone.resolve }
      exchange.send(200, [], bytes)
    },
    { stallMs: 300 },
  )
  const deaf = connect(port, '127.0.0.1').pause()
  deaf.on('error', () => {})
  deaf.write('GET / HTTP/1.1\r\n\r\n')
  await gone.promise
  deaf.destroy()
})

test('a stream of events: who stops reading is cut off, silence on its own is none', async (t) => {
  const clock = new VirtualClock()
  const gone = Promise.withResolvers<Error>()
  const begun = Promise.withResolvers<ServerExchange>()
  const { port } = await serve(
    t,
    (exchange) => {
      exchange.observer = { ...silent, gone: gone.resolve }
      exchange.begin(200, [], CHUNKED)
      begun.resolve(exchange)
    },
    { stallMs: 1000 },
    { clock },
  )
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  client.write('GET / HTTP/1.1\r\n\r\n')
  const exchange = await begun.promise
  clock.advance(60_000)
  await new Promise(setImmediate)
  assert.equal(client.destroyed, false)
  client.pause()
  while (exchange.write(Buffer.alloc(64 * 1024)));
  clock.advance(3000)
  await gone.promise
})

test('a client that takes nothing of its answer is cut off, also when it goes on asking', async (t) => {
  const gone = Promise.withResolvers<Error>()
  const clock = new VirtualClock()
  let begun = 0
  const handle = (exchange: ServerExchange) => {
    if (++begun > 1) return exchange.send(200, [], 'behind the first')
    exchange.observer = { ...silent, gone: gone.resolve }
    exchange.begin(200, [], CHUNKED)
    exchange.write(Buffer.alloc(32 * 1024 * 1024))
  }
  const { port } = await serve(t, handle, { stallMs: 1000, pipelining: 8 }, { clock })
  const deaf = connect(port, '127.0.0.1').pause()
  deaf.on('error', () => {})
  deaf.write('GET /1 HTTP/1.1\r\n\r\n')
  while (begun < 1) await new Promise(setImmediate)
  deaf.write('GET /2 HTTP/1.1\r\n\r\n')
  while (begun < 2) await new Promise(setImmediate)
  clock.advance(3000)
  await gone.promise
  deaf.destroy()
})

test('a client that has taken all of it, however slowly, is idle like any other', async (t) => {
  const clock = new VirtualClock()
  let done = 0
  const handle = (exchange: ServerExchange) => {
    exchange.observer = { ...silent, done: () => void done++ }
    exchange.send(200, [], 'x'.repeat(1500))
  }
  const { port, server } = await serve(t, handle, { keepAliveMs: 5000, pipelining: 8 }, { clock })
  const slow = connect(port, '127.0.0.1').pause()
  slow.on('error', () => {})
  // Until the system takes no more of the answers: the last are written, and wait.
  let count = 0
  while (done === count) {
    count += 8
    slow.write('GET / HTTP/1.1\r\n\r\n'.repeat(8))
    for (let turns = 0; turns < 200 && done < count; turns++) await new Promise(setImmediate)
  }
  slow.resume()
  while (done < count) await new Promise(setImmediate)
  clock.advance(60_000)
  while (server.connections > 0) await new Promise(setImmediate)
})

/** A server that hands every socket over, and one client's socket that it has taken. */
async function withTunnel(t: TestContext) {
  const taken = Promise.withResolvers<void>()
  const served = await serve(t, (exchange) => {
    exchange.upgrade([])
    taken.resolve()
  })
  const client = connect(served.port, '127.0.0.1')
  client.on('error', () => {}).write('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
  await taken.promise
  return { ...served, client }
}

test('a socket that was taken over counts on, and is closed at the end', async (t) => {
  const { server, client } = await withTunnel(t)
  assert.equal(server.connections, 1)
  server.stopAccepting()
  const closed = once(client.resume(), 'close')
  await server.destroy()
  await closed
  assert.equal(server.connections, 0)
})

test('HTTP/2 counts once; one without a stream makes room, one with a stream does not', async (t) => {
  const begun = Promise.withResolvers<ServerExchange>()
  const errors: string[] = []
  const hold = (exchange: ServerExchange) =>
    exchange.head.target === '/held' ? begun.resolve(exchange) : exchange.send(200, [], 'here')
  const more = { http2: true, connectionsMax: 1, onError: ({ message }: Error) => void errors.push(message) }
  const { server, port, talk } = await serve(t, hold, {}, more)
  const session = connectH2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const held = session.request({ ':path': '/held' })
  const exchange = await begun.promise
  assert.equal(server.connections, 1)
  assert.equal(await talk(LAST).catch(() => ''), '')
  assert.match(errors[0]!, /requests under way/)
  exchange.send(200, [], 'done')
  await once(held.resume(), 'close')
  const closed = once(session, 'close')
  while (!(await talk(LAST).catch(() => '')).endsWith('here'));
  await closed
})
