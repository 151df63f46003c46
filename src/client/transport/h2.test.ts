import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { VirtualClock } from '../../core/clock.ts'
import { header, type RawHeaders } from '../../core/headers.ts'
import type { BodySource } from '../../wire/body.ts'
import { type Message, type Transport, TransportError } from '../transport.ts'
import { type H2TransportOptions, h2Transport } from './h2.ts'

interface Outcome {
  status: number | undefined
  headers: RawHeaders
  text: string
  /** What the body ended with. */
  bodyError: Error | undefined
  trailers: RawHeaders | undefined
  error: Error | undefined
}

function exchange(transport: Transport, port: number, message: Partial<Message> = {}, onHead = read) {
  const outcome: Outcome = { ...NOTHING }
  const done = Promise.withResolvers<Outcome>()
  const cancel = transport.send(
    { address: '127.0.0.1', port },
    { method: 'GET', path: '/', headers: [], bodyIdleMs: 60_000, protocol: 'h2c', ...message },
    {
      head(status, headers, body) {
        Object.assign(outcome, { status, headers })
        onHead(body, outcome)
      },
      end(error, trailers) {
        Object.assign(outcome, { error, trailers })
        // The body hears of it after this.
        setImmediate(() => done.resolve(outcome))
      },
    },
  )
  return { outcome: done.promise, cancel }
}

const NOTHING: Outcome = {
  status: undefined,
  headers: [],
  text: '',
  bodyError: undefined,
  trailers: undefined,
  error: undefined,
}

function read(body: BodySource, outcome: Outcome): void {
  body.read({
    chunk: (bytes) => {
      outcome.text += String(bytes)
    },
    end: () => {},
    fail: (error) => {
      outcome.bodyError = error
    },
  })
}

interface Upstream {
  readonly port: number
  readonly sessions: ServerHttp2Session[]
  readonly transport: Transport
  ask(message?: Partial<Message>): Promise<Outcome>
}

type Serve = (stream: ServerHttp2Stream, path: string) => void

async function upstream(
  t: TestContext,
  serve: Serve,
  { settings, ...options }: H2TransportOptions & { readonly settings?: Settings } = {},
): Promise<Upstream> {
  const server = createServer(settings === undefined ? {} : { settings })
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => sessions.push(session.on('error', () => {})))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    serve(stream as ServerHttp2Stream, String(headers[':path']))
  })
  const transport = h2Transport(options)
  const port = await listening(t, server, transport)
  t.after(() => {
    for (const session of sessions) session.destroy()
  })
  return { port, sessions, transport, ask: (message) => exchange(transport, port, message).outcome }
}

async function listening(t: TestContext, server: Server, transport: Transport): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    await transport.close()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const fine: Serve = (stream, path) => {
  stream.respond({ ':status': 200, 'x-path': path })
  stream.end('ok')
}

function stageOf({ error }: Outcome): string {
  assert.ok(error instanceof TransportError, String(error))
  return error.stage
}

test('requests share one connection; head, body and trailers come through', async (t) => {
  const { ask, sessions } = await upstream(t, (stream, path) => {
    stream.respond({ ':status': 201, 'x-path': path, 'set-cookie': ['a=1', 'b=2'] }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7', 'set-cookie': 'late=1' }))
    stream.end('body')
  })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask({ path: `/${i}` })))
  for (const [i, { status, headers, text, trailers, error }] of answers.entries()) {
    assert.deepEqual([status, text, trailers, error], [201, 'body', ['x-sum', '7'], undefined])
    assert.equal(header(headers, 'x-path'), `/${i}`)
    assert.deepEqual(
      headers.filter((_, at) => headers[at - 1] === 'set-cookie'),
      ['a=1', 'b=2'],
    )
  }
  assert.equal(sessions.length, 1)
})

test('an answer without a body is whole with its head', async (t) => {
  const { transport, port } = await upstream(t, (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
  )
  let complete: boolean | undefined
  const { outcome } = exchange(transport, port, {}, (body) => {
    complete = body.complete
  })
  assert.equal((await outcome).error, undefined)
  assert.equal(complete, true)
})

test('bodies go out whole, as a stream with trailers, and of a length that must hold', async (t) => {
  const { ask } = await upstream(t, (stream) => {
    const got: unknown[] = []
    stream.on('trailers', (trailers) => got.push(trailers['x-sum']))
    let length = 0
    stream.on('data', (bytes: Buffer) => {
      length += bytes.length
    })
    stream.on('end', () => {
      if (stream.destroyed) return
      stream.respond({ ':status': 200 })
      stream.end(JSON.stringify([length, ...got]))
    })
  })
  const big = Buffer.alloc(3_000_000, 'x')
  assert.equal((await ask({ method: 'POST', body: big })).text, '[3000000]')
  assert.equal((await ask({ method: 'POST', body: 'text' })).text, '[4]')
  assert.equal((await ask({ method: 'POST', body: chunks([big, big], ['x-sum', '9']) })).text, '[6000000,"9"]')
  assert.equal((await ask({ method: 'POST', body: chunks([big]), bodyLength: big.length })).text, '[3000000]')
  assert.match(String((await ask({ method: 'POST', body: chunks([big]), bodyLength: 7 })).error), /broke off/)
})

/** A body that comes as fast as it is let. */
function chunks(parts: readonly Uint8Array[], trailers: RawHeaders = []): BodySource {
  const left = [...parts]
  let paused = false
  let deliver = () => {}
  return {
    complete: false,
    started: false,
    whole: () => assert.fail('read as a whole'),
    read(sink) {
      deliver = () => {
        while (!paused && left.length > 0) sink.chunk(left.shift()!)
        if (!paused) sink.end(trailers)
      }
      deliver()
    },
    pause: () => {
      paused = true
    },
    resume: () => {
      if (!paused) return
      paused = false
      deliver()
    },
    drop: () => {},
  }
}

test('no more streams than the instance allows: others get connections of their own', async (t) => {
  const held: ServerHttp2Stream[] = []
  const { ask, sessions } = await upstream(t, (stream) => held.push(stream), { settings: { maxConcurrentStreams: 2 } })
  const asked = Array.from({ length: 7 }, () => ask())
  while (held.length < 7) await turn()
  assert.equal(sessions.length, 4)
  for (const stream of held) fine(stream, '/')
  for (const { text } of await Promise.all(asked)) assert.equal(text, 'ok')
})

test('GOAWAY: what is under way ends, what it leaves out was not processed, what comes next has a connection of its own', async (t) => {
  const held: ServerHttp2Stream[] = []
  const { ask, sessions, transport, port } = await upstream(t, (stream, path) =>
    path === '/held' ? held.push(stream) : fine(stream, path),
  )
  const first = exchange(transport, port, { path: '/held' }).outcome
  while (held.length < 1) await turn()
  sessions[0]!.goaway(constants.NGHTTP2_NO_ERROR, held[0]!.id)
  // Until it is here, what comes next is among what it leaves out.
  for (let i = 0; i < 50; i++) await turn()
  const second = await ask()
  assert.equal(second.text, 'ok')
  fine(held[0]!, '/held')
  assert.equal((await first).text, 'ok')
  assert.equal(sessions.length, 2)
})

test('GOAWAY with streams above its last: they were not processed', async (t) => {
  const held: ServerHttp2Stream[] = []
  const { sessions, transport, port } = await upstream(t, (stream) => held.push(stream))
  const asked = [1, 2, 3].map(() => exchange(transport, port).outcome)
  while (held.length < 3) await turn()
  sessions[0]!.goaway(constants.NGHTTP2_NO_ERROR, held[0]!.id)
  fine(held[0]!, '/')
  const [one, two, three] = await Promise.all(asked)
  assert.equal(one!.text, 'ok')
  assert.deepEqual([stageOf(two!), stageOf(three!)], ['unprocessed', 'unprocessed'])
})

test('GOAWAY with an error ends all; what stood above its last was not processed', async (t) => {
  const held: ServerHttp2Stream[] = []
  const { sessions, transport, port } = await upstream(t, (stream) => held.push(stream))
  const asked = [1, 2].map(() => exchange(transport, port).outcome)
  while (held.length < 2) await turn()
  sessions[0]!.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, held[0]!.id)
  const [one, two] = await Promise.all(asked)
  assert.deepEqual([stageOf(one!), stageOf(two!)], ['request', 'unprocessed'])
})

for (const [code, stage] of [
  [constants.NGHTTP2_REFUSED_STREAM, 'unprocessed'],
  [constants.NGHTTP2_INTERNAL_ERROR, 'request'],
  [constants.NGHTTP2_CANCEL, 'request'],
] as const) {
  test(`a stream reset with code ${code} before an answer: ${stage}`, async (t) => {
    const { ask } = await upstream(t, (stream) => stream.close(code))
    assert.equal(stageOf(await ask()), stage)
  })
}

for (const [what, cut] of [
  ['cancelled', (stream: ServerHttp2Stream) => addAbortSignal(AbortSignal.abort(), stream)],
  ['reset', (stream: ServerHttp2Stream) => stream.destroy(new Error('broken'))],
  ['cut off with its connection', (stream: ServerHttp2Stream) => stream.session!.socket.destroy()],
  ['ended with its session', (stream: ServerHttp2Stream) => stream.session!.destroy()],
] as const) {
  test(`a body that is ${what} is never taken for whole`, async (t) => {
    const { ask } = await upstream(t, (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('half', () => setImmediate(() => cut(stream)))
    })
    const outcome = await ask()
    assert.equal(stageOf(outcome), 'response')
    assert.ok(outcome.bodyError !== undefined)
  })
}

test('a call that is given up resets its stream, and leaves the others alone', async (t) => {
  const codes: number[] = []
  const held = Promise.withResolvers<ServerHttp2Stream>()
  const { ask, sessions, transport, port } = await upstream(t, (stream, path) => {
    if (path !== '/held') return fine(stream, path)
    stream.on('close', () => codes.push(stream.rstCode))
    held.resolve(stream)
  })
  const { outcome, cancel } = exchange(transport, port, { path: '/held' })
  const stream = await held.promise
  cancel(new Error('not wanted'))
  assert.equal((await outcome).error?.message, 'not wanted')
  if (!stream.closed) await once(stream, 'close')
  assert.deepEqual(codes, [constants.NGHTTP2_CANCEL])
  assert.equal((await ask()).text, 'ok')
  assert.equal(sessions.length, 1)
})

test('a body that nobody takes holds the instance back, and ends when it is dropped', async (t) => {
  let written = 0
  const closed = Promise.withResolvers<void>()
  const { transport, port } = await upstream(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.on('close', () => closed.resolve())
    const more = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(16_384))) written += 16_384
    }
    stream.on('drain', more)
    more()
  })
  const taken = Promise.withResolvers<BodySource>()
  const { outcome } = exchange(transport, port, {}, (body) => taken.resolve(body))
  const body = await taken.promise
  for (let before = -1; before !== written; await turn()) {
    before = written
    for (let i = 0; i < 20; i++) await turn()
  }
  assert.ok(written < 1_000_000, `${written} bytes`)
  body.drop(new Error('enough'))
  assert.equal((await outcome).error?.message, 'enough')
  await closed.promise
})

test('an answer before the end of the request: the rest is not sent', async (t) => {
  const { ask } = await upstream(t, (stream) => {
    stream.respond({ ':status': 413 })
    stream.end('too long')
  })
  let dropped = false
  const body = {
    ...chunks([]),
    read() {},
    drop() {
      dropped = true
    },
  }
  const { status, text, error } = await ask({ method: 'POST', body })
  assert.deepEqual([status, text, error, dropped], [413, 'too long', undefined, true])
})

test('what cannot stand in a head is not sent', async (t) => {
  const { ask } = await upstream(t, () => assert.fail('asked'))
  assert.match(String((await ask({ headers: ['x', 'a\nb'] })).error), /cannot be sent/)
  assert.match(String((await ask({ path: '/a b' })).error), /cannot be sent/)
})

test('who does not speak HTTP/2, nobody who listens, and a port that is none: nothing was sent', async (t) => {
  const server = createTcpServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const transport = h2Transport()
  const port = await listening(t, server, transport)
  assert.equal(stageOf(await exchange(transport, port).outcome), 'connect')
  const other = createTcpServer()
  const free = await listening(t, other, transport)
  await new Promise((resolve) => other.close(resolve))
  assert.equal(stageOf(await exchange(transport, free).outcome), 'connect')
  assert.equal(stageOf(await exchange(transport, 70_000).outcome), 'connect')
})

test('a connection on which no SETTINGS come is given up, and nothing was sent', async (t) => {
  const clock = new VirtualClock()
  const arrived = Promise.withResolvers<void>()
  const server = createTcpServer((socket) => socket.on('error', () => {}).once('data', () => arrived.resolve()))
  const transport = h2Transport({ clock })
  const port = await listening(t, server, transport)
  const { outcome } = exchange(transport, port)
  await arrived.promise
  clock.advance(1_000)
  const { error } = await outcome
  assert.match(String(error), /no HTTP\/2 connection in 1000 ms/)
})

/** Says that it speaks HTTP/2, and then nothing more. */
async function frozen(t: TestContext, clock: VirtualClock) {
  const got: Buffer[] = []
  const sockets = new Set<unknown>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    socket.on('data', (bytes: Buffer) => got.push(bytes))
  })
  const transport = h2Transport({ clock })
  const port = await listening(t, server, transport)
  return { transport, port, got, sockets }
}

test('silence: an instance that answers no PING is asked nothing more, and after a while given up', async (t) => {
  const clock = new VirtualClock()
  const { transport, port, got, sockets } = await frozen(t, clock)
  const { outcome } = exchange(transport, port)
  while (!Buffer.concat(got).includes(Buffer.from([1, 5, 0, 0, 0, 1]))) await turn()
  for (let i = 0; i < 6; i++) clock.advance(500)
  while (!Buffer.concat(got).includes(Buffer.from([0, 0, 8, 6, 0]))) await turn()
  for (let i = 0; i < 6; i++) clock.advance(500)
  const next = exchange(transport, port, { path: '/next' })
  while (sockets.size < 2) await turn()
  next.cancel(new Error('not wanted'))
  for (let i = 0; i < 40; i++) clock.advance(500)
  const failed = await outcome
  assert.equal(stageOf(failed), 'request')
  assert.match(String(failed.error), /no PING/)
})

test('silence: an instance that answers PING is let be, and not asked again for minutes', async (t) => {
  const clock = new VirtualClock()
  const held: ServerHttp2Stream[] = []
  const { sessions, transport, port } = await upstream(t, (stream) => held.push(stream), { clock })
  const { outcome } = exchange(transport, port)
  while (held.length === 0) await turn()
  let pings = 0
  sessions[0]!.on('ping', () => pings++)
  for (let i = 0; i < 600; i++) {
    clock.advance(500)
    await turn()
  }
  assert.equal(pings, 1)
  fine(held[0]!, '/')
  assert.equal((await outcome).text, 'ok')
})

test('an idle connection ends, and so does one that is old; a body that stops is broken off', async (t) => {
  const clock = new VirtualClock()
  const { ask, sessions } = await upstream(
    t,
    (stream, path) => {
      if (path !== '/stops') return fine(stream, path)
      stream.respond({ ':status': 200 })
      stream.write('half')
    },
    { clock, limits: { ageMs: 70_000 } },
  )
  const advance = async (ms: number) => {
    for (let i = 0; i < ms / 500; i++) {
      clock.advance(500)
      for (let j = 0; j < 5; j++) await turn()
    }
  }
  await ask()
  const closed = once(sessions[0]!, 'close')
  await advance(61_000)
  await closed
  await ask()
  await advance(40_000)
  await ask()
  assert.equal(sessions.length, 2)
  await advance(40_000)
  await ask()
  assert.equal(sessions.length, 3)
  const stopping = ask({ path: '/stops', bodyIdleMs: 10_000 })
  await once(sessions[2]!, 'stream')
  for (let i = 0; i < 20; i++) await turn()
  await advance(15_000)
  const stopped = await stopping
  assert.deepEqual([stageOf(stopped), stopped.text], ['response', 'half'])
  assert.match(String(stopped.error), /stopped coming/)
})
