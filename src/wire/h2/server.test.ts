/** Against node:http2's client, whose encoder and flow are nghttp2's. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { CHUNKED, type ServerExchange } from '../contract.ts'
import { WireServer, type WireServerOptions } from '../server.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)

async function serve(
  t: TestContext,
  onRequest: WireServerOptions['onRequest'],
  http2: true | 'node' = true,
  limits: WireServerOptions['limits'] = {},
) {
  const server = new WireServer({
    http2,
    limits,
    onRequest,
    onRefused: (connection) => connection.answerRefusal('HTTP/1.1 400 no\r\ncontent-length: 0\r\n\r\n'),
    onBodyRefused: () => {},
    onError: (error) => t.diagnostic(String(error)),
  })
  const port = await server.listen(0, '127.0.0.1')
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  t.after(async () => {
    session.destroy()
    server.stopAccepting()
    await server.destroy()
  })
  return { server, port, session }
}

/** Gives back what came: its fields as fields, its body piece by piece, its trailers as trailers. */
function mirror(exchange: ServerExchange): void {
  exchange.observer = { drained: () => exchange.body?.resume(), gone() {}, done() {} }
  const { headers } = exchange.head
  exchange.begin(
    200,
    headers.filter((_, i) => headers[i - (i % 2)]!.startsWith('x-')),
    CHUNKED,
    true,
  )
  if (exchange.body === undefined) return void exchange.end(['x-t', 'none'])
  exchange.body.read({
    chunk: (bytes) => {
      if (!exchange.write(bytes)) exchange.body!.pause()
    },
    end: (trailers) => exchange.end(['x-t', 'end', ...trailers]),
    fail: () => exchange.reset(),
  })
}

interface Mirrored {
  readonly fields: Record<string, unknown>
  readonly trailers: Record<string, unknown>
  readonly body: Buffer
}

async function ask(
  session: ClientHttp2Session,
  fields: Record<string, string>,
  pieces: readonly Uint8Array[],
): Promise<Mirrored> {
  const stream = session.request({ ':method': 'POST', ':path': '/', ...fields }, { endStream: pieces.length === 0 })
  let trailers = {}
  stream.on('trailers', (all) => {
    trailers = { ...all }
  })
  const head = once(stream, 'response')
  if (pieces.length > 0) {
    for (const piece of pieces) stream.write(piece)
    stream.end()
  }
  const [answered] = await head
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const own = Object.entries(answered as object).filter(([name]) => name.startsWith('x-'))
  return { fields: Object.fromEntries(own), trailers, body: Buffer.concat(chunks) }
}

/** Some come again and again. */
const field = fc.tuple(
  fc.oneof(fc.stringMatching(/^x-[a-z0-9-]{1,30}$/), fc.constantFrom('x-a', 'x-b', 'x-c')),
  fc.oneof(
    fc.stringMatching(/^[\x21-\x7e\x80-\xff]{1,200}$/),
    fc.constantFrom('a', 'v'.repeat(130), 'w'.repeat(1_200)),
  ),
)
const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 150_000 }))

test('whatever is asked, side by side, comes back as it was', async (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const { session } = await serve(t, mirror)
  const request = fc.record({ fields: fc.array(field, { maxLength: 12 }), sizes: fc.array(size, { maxLength: 4 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
      const asked = requests.map(async ({ fields, sizes }, i) => {
        const own = Object.fromEntries(fields)
        const pieces = sizes.map((bytes, k) => Buffer.alloc(bytes, i * 16 + k + 1))
        const mirrored = await ask(session, own, pieces)
        assert.deepEqual(mirrored.fields, own)
        assert.ok(mirrored.body.equals(Buffer.concat(pieces)))
        assert.equal(mirrored.trailers['x-t'], pieces.length === 0 ? 'none' : 'end')
      })
      await Promise.all(asked)
    }),
    { seed, numRuns: 60 },
  )
})

test('all octets that a value may have are the same for nghttp2 and for us', async (t) => {
  const { session } = await serve(t, mirror)
  const octets = Array.from({ length: 256 }, (_, i) => i).filter((i) => i === 9 || (i > 31 && i !== 127))
  const text = String.fromCharCode(...octets)
  for (let from = 0; from < text.length; from += 7) {
    const own = { 'x-a': `(${text.slice(from, from + 7)})`, 'x-b': `a${text[from]}b` }
    assert.deepEqual((await ask(session, own, [])).fields, own)
  }
})

test('trailers of the client', async (t) => {
  const { session } = await serve(t, mirror)
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-own': '1', 'content-length': '9' }))
  const trailers = once(stream, 'trailers')
  stream.resume().end('abc')
  const [told] = await trailers
  assert.deepEqual(Object.entries(told as object), [
    ['x-t', 'end'],
    ['x-own', '1'],
  ])
})

test('a client that wants a small table, then a large one', async (t) => {
  const { session } = await serve(t, mirror)
  for (const headerTableSize of [0, 4_096, 100, 65_536]) {
    session.settings({ headerTableSize })
    const own = { 'x-a': 'v'.repeat(50), 'x-b': 'w'.repeat(50) }
    for (let i = 0; i < 3; i++) assert.deepEqual((await ask(session, own, [])).fields, own)
  }
})

test('heads larger than a frame, there and back', async (t) => {
  const { session } = await serve(t, (exchange) => {
    const large = 'v'.repeat(20_000)
    exchange.send(200, ['x-a', large, 'x-b', large], exchange.head.headers.join(' '))
  })
  const stream = session.request({ ':path': '/', 'x-c': 'w'.repeat(14_000) })
  const [head] = await once(stream, 'response')
  assert.deepEqual([head['x-a'].length, head['x-b'].length], [20_000, 20_000])
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  assert.match(text, /x-c w{14000}/)
})

for (const http2 of [true, 'node'] as const) {
  const name = http2 === true ? 'our own' : http2

  test(`an idle connection whose client sends PINGs ends, by ${name}`, async (t) => {
    const { session } = await serve(t, mirror, http2, { keepAliveMs: 100 })
    await ask(session, {}, [])
    const closed = once(session, 'close')
    while (!session.closed) await new Promise<void>((resolve) => session.ping(() => resolve()) || resolve())
    await closed
  })

  test(`a client that takes nothing of an answer loses it, by ${name}; a handler that takes its time does not`, async (t) => {
    const gone = Promise.withResolvers<Error>()
    const slow: ServerExchange[] = []
    const answer = (exchange: ServerExchange) => {
      exchange.observer = { drained() {}, gone: gone.resolve, done() {} }
      if (exchange.head.target === '/slow') slow.push(exchange)
      else exchange.send(200, [], 'x'.repeat(1_000))
    }
    const { session } = await serve(t, answer, http2, { stallMs: 100 })
    session.settings({ initialWindowSize: 10 })
    const waits = session.request({ ':path': '/slow' })
    const stuck = session.request({ ':path': '/' })
    stuck.on('error', () => {})
    const failed = new Promise((resolve) => stuck.once('close', resolve))
    stuck.pause()
    await gone.promise
    stuck.resume()
    await failed
    assert.notEqual(stuck.rstCode, 0)
    slow[0]!.send(200, [], undefined)
    assert.equal((await once(waits, 'response'))[0][':status'], 200)
  })

  test(`8 MB each way, by ${name}`, async (t) => {
    const { session } = await serve(t, mirror, http2)
    const piece = Buffer.alloc(64 * 1024, 'abcdefg')
    const { body } = await ask(
      session,
      {},
      Array.from({ length: 128 }, () => piece),
    )
    assert.equal(body.length, 128 * piece.length)
    assert.ok(body.subarray(-piece.length).equals(piece))
  })
}
