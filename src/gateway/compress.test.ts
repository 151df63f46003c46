/** Compression, seen from outside; and the choice of a coding by a table. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, type RequestListener, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { RouteRules } from './contract.ts'
import { CODINGS, codingFor, compression, isCompressible } from './rule/compress.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

const TEXT = JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ id: i, name: `name ${i % 7}` })))
const DECODE: Readonly<Record<string, (bytes: Buffer) => Promise<Buffer>>> = {
  br: promisify(zlib.brotliDecompress),
  zstd: promisify(zlib.zstdDecompress),
  gzip: promisify(zlib.gunzip),
}

async function serving(t: TestContext, handler: RequestListener, compress: RouteRules['compress'] = true) {
  const { port } = await httpUpstream(t, handler)
  const { gateway, line } = await workbench(t, {
    instances: [instance(port)],
    routes: [{ to: 'users', ...(compress === undefined ? {} : { compress }) }],
  })
  const open = async (coding?: string | string[], method = 'GET', more: Record<string, string> = {}) => {
    const headers = coding === undefined ? more : { 'accept-encoding': coding, ...more }
    const asking = request({ port: gateway.port, path: '/', method, headers, agent: false }).end()
    // A reset may reach it behind the head of the answer.
    asking.on('error', () => {})
    const [answer] = (await once(asking, 'response')) as [IncomingMessage]
    return answer
  }
  const get = async (coding?: string | string[], method?: string, more?: Record<string, string>) => {
    const answer = await open(coding, method, more)
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks)
    const used = answer.headers['content-encoding']
    const text = String(used === undefined || raw.length === 0 ? raw : await DECODE[used]!(raw))
    return { headers: answer.headers, raw, text, used }
  }
  return { open, get, line }
}

const json =
  (body = TEXT, fields: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(200, { 'content-type': 'application/json', ...fields }).end(body)

for (const coding of CODINGS) {
  test(`${coding}: a whole body, and one in pieces`, async (t) => {
    const { get, line } = await serving(t, json(TEXT, { 'content-length': String(TEXT.length), etag: '"1"' }))
    const whole = await get(coding)
    assert.deepEqual([whole.used, whole.text], [coding, TEXT])
    assert.ok(whole.raw.length < TEXT.length / 4)
    assert.equal(whole.headers.vary, 'accept-encoding')
    assert.equal(whole.headers.etag, 'W/"1"')
    assert.equal((await line())['bytes'], whole.raw.length)
    const large = 'line of text\n'.repeat(200_000)
    const streamed = await serving(t, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.end(large)
    })
    const answer = await streamed.get(coding)
    assert.deepEqual([answer.used, answer.text === large], [coding, true])
  })
}

test('what the upstream has sent is there at once, before the rest comes', async (t) => {
  const go = Promise.withResolvers<void>()
  const { open } = await serving(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).write('{"first":true}\n')
    await go.promise
    response.end('{"second":true}\n')
  })
  const answer = await open('gzip')
  const plain = answer.pipe(zlib.createGunzip()).setEncoding('utf8')
  const [first] = await once(plain, 'data')
  assert.equal(first, '{"first":true}\n')
  go.resolve()
  const [second] = await once(plain, 'data')
  assert.equal(second, '{"second":true}\n')
})

test('an answer that breaks off does not end in good order', async (t) => {
  const { open } = await serving(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '999999' }).write('x'.repeat(5000))
    setImmediate(() => response.destroy())
  })
  await assert.rejects(async () => {
    for await (const _ of await open('gzip'));
  })
})

test('a client that goes takes the upstream with it', async (t) => {
  const gone = Promise.withResolvers<void>()
  const { open } = await serving(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.once('close', gone.resolve)
    const flood = () => {
      while (response.write(Math.random().toString(36).repeat(500)));
    }
    response.on('drain', flood)
    flood()
  })
  const answer = await open('gzip')
  await once(answer, 'data')
  answer.destroy()
  await gone.promise
})

test('clients that ask for nothing get it plain, with a word to caches', async (t) => {
  const { get } = await serving(t, json())
  for (const [coding, method] of [
    [undefined, 'GET'],
    ['identity', 'GET'],
    ['deflate', 'GET'],
    ['identity', 'HEAD'],
  ] as const) {
    const { used, headers } = await get(coding, method)
    assert.deepEqual([used, headers.vary], [undefined, 'accept-encoding'], `${coding} ${method}`)
  }
})

test('small, already coded or forbidden answers stay as they are', async (t) => {
  const zipped = zlib.gzipSync(TEXT)
  const cases: [RequestListener, string | undefined][] = [
    [json('{"small":true}'), undefined],
    [json(TEXT, { 'cache-control': 'public, no-transform' }), undefined],
    [json(TEXT, { 'content-type': 'image/png' }), undefined],
    [
      (_, response) =>
        void response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(zipped),
      'gzip',
    ],
    [(_, response) => void response.writeHead(404, { 'content-type': 'text/plain' }).end(TEXT), undefined],
    [(_, response) => void response.writeHead(206, { 'content-type': 'text/plain' }).end(TEXT), undefined],
  ]
  for (const [handler, used] of cases) {
    const { get } = await serving(t, handler)
    const answer = await get('gzip, br')
    assert.equal(answer.used, used)
    if (used !== undefined) assert.equal(answer.text, TEXT)
  }
})

test('without the rule nothing is compressed', async (t) => {
  const { get } = await serving(t, json(), false)
  const { used, headers } = await get('gzip')
  assert.deepEqual([used, headers.vary], [undefined, undefined])
})

for (const [accepted, coding] of [
  [undefined, undefined],
  ['', undefined],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['gzip, br', 'br'],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip;q=1.0, br;q=0.5', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['*', 'br'],
  ['br;q=0, *', 'zstd'],
  ['*;q=0', undefined],
  ['identity', undefined],
  ['gzip;q=0', undefined],
  ['gzip;q=nonsense', undefined],
  [' , ;q=1, gzip ; q=0.1', 'gzip'],
  ['x-gzip', 'gzip'],
  ['identity, gzip;q=0.5', undefined],
  ['identity;q=0.5, gzip', 'gzip'],
  ['identity, gzip', 'gzip'],
  ['identity;q=0, gzip;q=0.001', 'gzip'],
  ['identity;q=0.2, *;q=0.1', undefined],
] as const) {
  test(`Accept-Encoding ${JSON.stringify(accepted)} → ${coding}`, () => {
    assert.equal(codingFor(accepted, CODINGS), coding)
  })
}

for (const [type, worth] of [
  ['text/html; charset=utf-8', true],
  ['TEXT/CSS', true],
  ['application/json', true],
  ['application/problem+json', true],
  ['image/svg+xml', true],
  ['text/event-stream', false],
  ['image/jpeg', false],
  ['application/octet-stream', false],
  ['application/gzip', false],
] as const) {
  test(`${type} is ${worth ? '' : 'not '}worth it`, () => {
    assert.equal(isCompressible(compression(true)!, 200, ['content-type', type]), worth)
  })
}

test('types of your own', () => {
  const rule = compression({ types: ['text/*', 'application/x-own'] })!
  assert.deepEqual(
    ['text/event-stream', 'application/x-own', 'application/json'].map((type) => rule.isWorth(type)),
    [true, true, false],
  )
})

test('no-transform counts on any line', async (t) => {
  const { get } = await serving(t, (_, response) => {
    response.setHeader('cache-control', ['max-age=60', 'no-transform'])
    response.writeHead(200, { 'content-type': 'text/plain' }).end(TEXT)
  })
  assert.equal((await get('gzip')).used, undefined)
})

test('digests of the plain body do not go with the coded one', async (t) => {
  const digests = {
    'content-digest': 'sha-256=:x:',
    'repr-digest': 'sha-256=:x:',
    digest: 'sha-256=x',
    'content-md5': 'x',
  }
  const { get } = await serving(t, json(TEXT, digests))
  const { used, headers } = await get('gzip')
  assert.equal(used, 'gzip')
  assert.deepEqual(
    Object.keys(digests).filter((name) => headers[name] !== undefined),
    [],
  )
})

test('a 304 tells caches what the 200 told them: that it varies', async (t) => {
  const { get } = await serving(t, (_, response) => void response.writeHead(304, { etag: '"1"', vary: 'origin' }).end())
  const { headers } = await get('gzip')
  assert.equal(headers.vary, 'origin, accept-encoding')
})

test('HEAD is told what GET would be: the coding, the weak tag, and no length', async (t) => {
  const { get } = await serving(t, json(TEXT, { 'content-length': String(TEXT.length), etag: '"1"' }))
  const [whole, head] = [await get('gzip'), await get('gzip', 'HEAD')]
  for (const name of ['content-encoding', 'etag', 'vary']) assert.equal(head.headers[name], whole.headers[name], name)
  assert.deepEqual([head.headers.etag, head.headers['content-length'], head.text], ['W/"1"', undefined, ''])
})

test('a 304 has the tag of the answer that the client has', async (t) => {
  const { get } = await serving(t, (_, response) => void response.writeHead(304, { etag: '"1"' }).end())
  for (const [asked, told] of [
    ['W/"1"', 'W/"1"'],
    ['"0", W/"1"', 'W/"1"'],
    ['"1"', '"1"'],
    ['W/"11"', '"1"'],
  ] as const) {
    assert.equal((await get('gzip', 'GET', { 'if-none-match': asked })).headers.etag, told, asked)
  }
})

test('of several lines of Accept-Encoding all count', async (t) => {
  const { get } = await serving(t, json())
  assert.equal((await get(['gzip;q=0.5', 'br'])).used, 'br')
})
