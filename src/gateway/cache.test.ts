/** The response cache, seen from outside: what is given again, what is asked for, and what is never kept. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { VirtualClock } from '../core/clock.ts'
import { Metrics } from '../telemetry/metrics.ts'
import type { BodySink, BodySource } from '../wire/body.ts'
import { directivesOf } from './cache/directives.ts'
import { isStorable, lifetimeOf } from './cache/freshness.ts'
import { keeperOf } from './cache/keeper.ts'
import { Note, NotingBudget } from './cache/notes.ts'
import { cacheRequest } from './cache/request.ts'
import { Store } from './cache/store.ts'
import { tee } from './cache/tee.ts'
import { wholeBody } from './compress.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import type { Exchange, Parts } from './exchange.ts'
import { FieldEdits } from './field-edits.ts'
import { type GatewayLimits, LIMITS } from './limits.ts'
import { gatewayMetrics } from './metrics.ts'
import { cache } from './rule/cache.ts'
import type { CustomStep } from './rule/steps.ts'
import { keep } from './step/keep.ts'
import { type AskOptions, ask, httpUpstream, instance, workbench } from './workbench.suite.ts'

interface Upstream {
  handler: RequestListener
  count: number
}

async function cached(
  t: TestContext,
  handler: RequestListener,
  route: Partial<RouteConfig> = {},
  config: Partial<GatewayConfig> = {},
  limits: Partial<GatewayLimits> = {},
) {
  const upstream: Upstream = { handler, count: 0 }
  const { port } = await httpUpstream(t, (request, response) => {
    upstream.count++
    upstream.handler(request, response)
  })
  const clock = new VirtualClock(Date.now())
  const bench = await workbench(t, {
    instances: [instance(port), instance(port, { service: 'users-next' })],
    routes: [{ to: 'users', cache: true, attempts: 1, ...route }],
    clock,
    config,
    limits,
  })
  const get = (path = '/', init?: AskOptions) => ask(bench.gateway.port, path, init)
  const texts = async (...paths: string[]) => {
    const seen: string[] = []
    for (const path of paths) seen.push((await get(path)).text)
    return seen
  }
  return { ...bench, upstream, clock, get, texts }
}

/** Answers with how often it was asked. */
function counting(fields: Record<string, string | string[]>, status = 200): RequestListener {
  let n = 0
  return (request, response) => {
    request.resume()
    n++
    const text = `answer ${n}`
    response.writeHead(status, { 'content-type': 'text/plain', ...fields }).end(text)
  }
}

const noContent: RequestListener = (request, response) => {
  request.resume()
  response.writeHead(204).end()
}

test('a fresh answer is given again, with its age; a stale one is asked for', async (t) => {
  const { get, clock, upstream, metrics } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  const first = await get()
  assert.deepEqual([first.text, first.headers.age], ['answer 1', undefined])
  assert.match(String(first.headers['cache-status']), /^skein; fwd=miss/)
  clock.advance(10_000)
  const second = await get()
  assert.deepEqual([second.text, second.headers.age], ['answer 1', '10'])
  assert.equal(second.headers['cache-status'], 'skein; hit; ttl=50')
  clock.advance(50_000)
  assert.equal((await get()).text, 'answer 2')
  assert.equal(upstream.count, 2)
  assert.match(metrics.toText(), /skein_gateway_cache_total\{[^}]*outcome="hit"\} 1/)
})

test('path, query and host are told apart; HEAD is served from a GET', async (t) => {
  const { get, texts, upstream } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  assert.deepEqual(await texts('/a', '/b', '/a?x', '/a', '/b', '/a?x'), [
    ...['answer 1', 'answer 2', 'answer 3'],
    ...['answer 1', 'answer 2', 'answer 3'],
  ])
  assert.equal((await get('/a', { headers: { host: 'other.example' } })).text, 'answer 4')
  const head = await get('/a', { method: 'HEAD' })
  assert.deepEqual([head.status, head.text, upstream.count], [200, '', 4])
})

const KEPT: readonly [
  what: string,
  fields: Record<string, string | string[]>,
  kept: boolean,
  asked?: Record<string, string>,
][] = [
  ['nothing said', {}, false],
  ['max-age', { 'cache-control': 'max-age=60' }, true],
  ['quoted max-age', { 'cache-control': 'max-age="60"' }, true],
  ['max-age 0', { 'cache-control': 'max-age=0' }, false],
  ['max-age that is no number', { 'cache-control': 'max-age=soon' }, false],
  ['s-maxage before max-age', { 'cache-control': 'max-age=0, s-maxage=60' }, true],
  ['s-maxage 0 before max-age', { 'cache-control': 'max-age=60, s-maxage=0' }, false],
  ['Expires', { expires: new Date(Date.now() + 60_000).toUTCString(), date: new Date().toUTCString() }, true],
  ['Expires in the past', { expires: '0' }, false],
  ['no-store', { 'cache-control': 'max-age=60, no-store' }, false],
  ['private', { 'cache-control': 'private, max-age=60' }, false],
  ['no-cache without a validator', { 'cache-control': 'no-cache, max-age=60' }, false],
  ['a cookie set', { 'cache-control': 'max-age=60', 'set-cookie': 'a=1' }, false],
  ['Vary *', { 'cache-control': 'max-age=60', vary: '*' }, false],
  ['Age beyond its time', { 'cache-control': 'max-age=60', age: '61' }, false],
  ['a client who says no-store', { 'cache-control': 'max-age=60' }, false, { 'cache-control': 'no-store' }],
  ['Authorization', { 'cache-control': 'max-age=60' }, false, { authorization: 'Bearer x' }],
  ['Authorization and public', { 'cache-control': 'public, max-age=60' }, true, { authorization: 'Bearer x' }],
  ['Authorization and s-maxage', { 'cache-control': 's-maxage=60' }, true, { authorization: 'Bearer x' }],
  ['a cookie sent', { 'cache-control': 'max-age=60' }, false, { cookie: 'a=1' }],
  ['a cookie sent and public', { 'cache-control': 'public, max-age=60' }, true, { cookie: 'a=1' }],
  ['a Range', { 'cache-control': 'max-age=60' }, false, { range: 'bytes=0-1' }],
]
for (const [what, fields, kept, headers = {}] of KEPT) {
  test(`${what}: ${kept ? 'kept' : 'not kept'}`, async (t) => {
    const { get } = await cached(t, counting(fields))
    await get('/', { headers })
    assert.equal((await get('/', { headers })).text, kept ? 'answer 1' : 'answer 2')
  })
}

for (const [status, kept] of [
  [200, true],
  [203, true],
  [301, true],
  [404, true],
  [410, true],
  [302, false],
  [403, false],
  [500, false],
] as const) {
  test(`${status}: ${kept ? 'kept' : 'not kept'}`, async (t) => {
    const { get } = await cached(t, counting({ 'cache-control': 'max-age=60' }, status))
    await get()
    const { status: second, text } = await get()
    assert.deepEqual([second, text], [status, kept ? 'answer 1' : 'answer 2'])
  })
}

test('a route with authentication keeps only what is said to be for all', async (t) => {
  const key = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' // of foo
  const route = { auth: { apiKeys: { keys: { shop: key } } } }
  const own = await cached(t, counting({ 'cache-control': 'max-age=60' }), route)
  const headers = { 'x-api-key': 'foo' }
  await own.get('/', { headers })
  assert.equal((await own.get('/', { headers })).text, 'answer 2')
  assert.equal((await own.get('/')).status, 401)
  const shared = await cached(t, counting({ 'cache-control': 'public, max-age=60' }), route)
  await shared.get('/', { headers })
  assert.equal((await shared.get('/', { headers })).text, 'answer 1')
  assert.equal((await shared.get('/')).status, 401, 'what is kept is not for who may not come in')
})

test('Vary: each variant has its own answer', async (t) => {
  const { get } = await cached(t, counting({ 'cache-control': 'max-age=60', vary: 'Accept-Language' }))
  const text = async (language?: string) =>
    (await get('/', language === undefined ? {} : { headers: { 'accept-language': language } })).text
  assert.deepEqual([await text('de'), await text('en'), await text()], ['answer 1', 'answer 2', 'answer 3'])
  assert.deepEqual([await text('de'), await text('en'), await text()], ['answer 1', 'answer 2', 'answer 3'])
})

test('what the client wants counts: no-cache, max-age, min-fresh, only-if-cached', async (t) => {
  const { get, clock, upstream } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  const ask_ = async (control: string, method = 'GET') =>
    await get('/', { method, headers: { 'cache-control': control } })
  assert.equal((await ask_('only-if-cached')).status, 504)
  assert.equal((await ask_('only-if-cached', 'HEAD')).status, 504)
  assert.equal(upstream.count, 0)
  await get()
  clock.advance(30_000)
  assert.equal((await ask_('only-if-cached')).text, 'answer 1')
  assert.equal((await ask_('max-age=40')).text, 'answer 1')
  assert.equal((await ask_('min-fresh=20')).text, 'answer 1')
  assert.equal((await ask_('max-age=20')).text, 'answer 2')
  clock.advance(30_000)
  assert.equal((await ask_('min-fresh=40')).text, 'answer 3')
  assert.equal((await ask_('no-cache')).text, 'answer 4')
  assert.equal((await get()).text, 'answer 4')
})

/** Has an ETag, and answers 304 to whom has it. */
function tagged(state: { tag: string; body: string }, fields: Record<string, string>): RequestListener {
  return (request, response) => {
    const all = { etag: state.tag, ...fields }
    if (request.headers['if-none-match'] === state.tag) response.writeHead(304, { ...all, 'x-new': 'yes' }).end()
    else response.writeHead(200, { 'content-type': 'text/plain', ...all }).end(state.body)
  }
}

test('a stale answer is confirmed by the upstream, and fresh again; its new fields count', async (t) => {
  const state = { tag: '"1"', body: 'one' }
  const { get, clock, upstream } = await cached(t, tagged(state, { 'cache-control': 'max-age=60' }))
  await get()
  clock.advance(61_000)
  const confirmed = await get()
  assert.deepEqual([confirmed.status, confirmed.text, confirmed.headers['x-new']], [200, 'one', 'yes'])
  assert.match(String(confirmed.headers['cache-status']), /fwd=stale; fwd-status=304/)
  clock.advance(30_000)
  assert.equal((await get()).text, 'one')
  assert.equal(upstream.count, 2)
  Object.assign(state, { tag: '"2"', body: 'two' })
  clock.advance(61_000)
  assert.equal((await get()).text, 'two')
})

test('no-cache with a validator: kept, and asked each time', async (t) => {
  const state = { tag: '"1"', body: 'one' }
  const { get, upstream } = await cached(t, tagged(state, { 'cache-control': 'no-cache' }))
  for (let i = 0; i < 3; i++) assert.equal((await get()).text, 'one')
  assert.equal(upstream.count, 3)
})

test('an age beyond all numbers is one that caches can read', async (t) => {
  const fields = { 'cache-control': 'max-age=60', age: '9'.repeat(400) }
  const { get, upstream } = await cached(t, counting({ ...fields, etag: '"1"' }))
  await get()
  upstream.handler = (_, response) => void response.writeHead(304, { ...fields, etag: '"1"' }).end()
  assert.equal((await get()).headers.age, String(2 ** 31))
})

test('a client that has the answer gets 304, from the cache and after a confirmation', async (t) => {
  const state = { tag: '"1"', body: 'one' }
  const { get, clock, upstream } = await cached(t, tagged(state, { 'cache-control': 'max-age=60' }))
  await get()
  const has = async (tag: string) => (await get('/', { headers: { 'if-none-match': tag } })).status
  assert.deepEqual([await has('"1"'), await has('W/"1"'), await has('"0", "1"'), await has('*')], [304, 304, 304, 304])
  assert.equal(await has('"2"'), 200)
  assert.equal(upstream.count, 1)
  clock.advance(61_000)
  assert.equal(await has('"1"'), 304)
  assert.equal((await get()).text, 'one', 'the confirmation was kept')
  assert.equal(upstream.count, 2)
})

test('stale-while-revalidate: the old one at once, a new one behind it', async (t) => {
  const { get, clock, upstream } = await cached(
    t,
    counting({ 'cache-control': 'max-age=10, stale-while-revalidate=30' }),
  )
  await get()
  clock.advance(20_000)
  assert.equal((await get()).text, 'answer 1')
  while (upstream.count < 2 || (await get()).text === 'answer 1') await new Promise((resolve) => setImmediate(resolve))
  assert.equal(upstream.count, 2)
  clock.advance(41_000)
  assert.equal((await get()).text, 'answer 3', 'too old to be given')
})

test('stale-if-error: the old one while the upstream fails or is away, but not for ever', async (t) => {
  const { get, clock, upstream } = await cached(t, counting({ 'cache-control': 'max-age=10, stale-if-error=60' }))
  await get()
  clock.advance(20_000)
  upstream.handler = (_, response) => void response.writeHead(500).end('broken')
  assert.equal((await get()).text, 'answer 1')
  upstream.handler = (request) => request.socket.resetAndDestroy()
  const away = await get()
  assert.deepEqual([away.status, away.text], [200, 'answer 1'])
  clock.advance(60_000)
  assert.equal((await get()).status, 502)
  const strict = await cached(t, counting({ 'cache-control': 'max-age=10, stale-if-error=60, must-revalidate' }))
  await strict.get()
  clock.advance(0)
  strict.clock.advance(20_000)
  strict.upstream.handler = (_, response) => void response.writeHead(500).end('broken')
  assert.equal((await strict.get()).status, 500)
})

test('a change makes what is kept untrue, if it succeeds', async (t) => {
  const { get, upstream } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  await get()
  const handler = upstream.handler
  upstream.handler = (_, response) => void response.writeHead(409).end()
  await get('/', { method: 'PUT', body: 'x' })
  assert.equal((await get()).text, 'answer 1')
  upstream.handler = noContent
  await get('/', { method: 'DELETE' })
  upstream.handler = handler
  assert.equal((await get()).text, 'answer 2')
})

test('a change by another route makes untrue what the routes of the same path keep, and nothing else', async (t) => {
  const key = `sha256:${createHash('sha256').update('k1').digest('hex')}`
  const auth = { apiKeys: { in: 'query:key', keys: { shop: key } }, optional: true } as const
  const fields = { 'cache-control': 'public, max-age=60' }
  const routes: RouteConfig[] = [
    { path: '/user/*', methods: ['GET'], to: 'users', cache: true },
    { path: '/user/:id', query: { full: true }, to: 'users', cache: true, rewrite: { path: '/full/:id' }, auth },
    { path: '/user/:id', headers: { 'x-next': true }, to: 'users-next', cache: true, rewrite: { host: 'next' } },
    { path: '/user/*', methods: ['POST', 'DELETE'], to: 'users' },
    { host: 'elsewhere', to: 'users', cache: true },
  ]
  const { get, upstream } = await cached(t, counting(fields), {}, { routes })
  const reads: [path: string, headers: Record<string, string>][] = [
    ...(['/user/7', '/user/7?full=1&key=k1'] as const).map((path): [string, Record<string, string>] => [path, {}]),
    ['/user/7', { 'x-next': '1' }],
    ['/user/8', {}],
    ['/user/7', { host: 'elsewhere' }],
  ]
  const all = async () => {
    const texts: string[] = []
    for (const [path, headers] of reads) texts.push((await get(path, { headers })).text)
    return texts
  }
  const before = await all()
  assert.deepEqual(await all(), before)
  const { handler } = upstream
  upstream.handler = noContent
  assert.equal((await get('/user/7', { method: 'POST', body: 'x' })).status, 204)
  assert.equal((await get('/user/7?full=1', { method: 'DELETE' })).status, 204)
  upstream.handler = handler
  const after = await all()
  assert.deepEqual(
    after.map((text, i) => text === before[i]),
    [false, false, false, true, true],
  )
  assert.deepEqual(await all(), after, 'and what has come since is kept')
})

test('what was asked for before a change and comes after it is not kept', async (t) => {
  const slow = Promise.withResolvers<ServerResponse>()
  const { get, upstream } = await cached(t, (_, response) => slow.resolve(response))
  const reading = get()
  const late = await slow.promise
  upstream.handler = noContent
  await get('/', { method: 'PUT', body: 'x' })
  late.writeHead(200, { 'cache-control': 'max-age=60' }).end('from before')
  assert.equal((await reading).text, 'from before')
  upstream.handler = counting({ 'cache-control': 'max-age=60' })
  assert.deepEqual([(await get()).text, (await get()).text], ['answer 1', 'answer 1'])
})

test('requests for the same at the same time become one', async (t) => {
  const asked = Promise.withResolvers<ServerResponse>()
  const { get, upstream } = await cached(t, (_, response) => asked.resolve(response))
  const all = Array.from({ length: 20 }, () => get())
  const response = await asked.promise
  response.writeHead(200, { 'cache-control': 'max-age=60' }).end('once')
  for (const { text } of await Promise.all(all)) assert.equal(text, 'once')
  assert.equal(upstream.count, 1)
})

test('what turns out not to be kept is not waited for again', async (t) => {
  const waiting: ServerResponse[] = []
  const arrived = new EventTarget()
  const { get, upstream } = await cached(t, (_: IncomingMessage, response) => {
    waiting.push(response)
    arrived.dispatchEvent(new Event('request'))
  })
  const first = get()
  while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve))
  waiting.shift()!.writeHead(200, { 'cache-control': 'no-store' }).end('own')
  await first
  const others = Array.from({ length: 5 }, () => get())
  while (upstream.count < 6) await new Promise((resolve) => setImmediate(resolve))
  for (const response of waiting) response.end('own')
  await Promise.all(others)
})

test('a body that breaks off or is too large is not kept', async (t) => {
  const { get, upstream } = await cached(t, counting({}), { cache: { maxBodyBytes: 1000 } })
  upstream.handler = (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '100' }).write('half')
    setImmediate(() => response.destroy())
  }
  await get().catch(() => {})
  upstream.handler = (_, response) =>
    void response.writeHead(200, { 'cache-control': 'max-age=60' }).end('x'.repeat(1001))
  assert.equal((await get()).text.length, 1001)
  upstream.handler = (_, response) => void response.writeHead(200, { 'cache-control': 'max-age=60' }).end('small')
  assert.equal((await get()).text, 'small')
  upstream.handler = (_, response) => void response.end('other')
  assert.equal((await get()).text, 'small')
})

test('a default time, for answers that say nothing', async (t) => {
  const { get, clock } = await cached(t, counting({}), { cache: { defaultSeconds: 5 } })
  assert.deepEqual([(await get()).text, (await get()).text], ['answer 1', 'answer 1'])
  clock.advance(6_000)
  assert.equal((await get()).text, 'answer 2')
})

test('it stands behind compression and limits: each client gets its own form', async (t) => {
  const text = 'much the same '.repeat(500)
  const { get, upstream } = await cached(
    t,
    (_, response) =>
      void response.writeHead(200, { 'cache-control': 'max-age=60', 'content-type': 'text/plain' }).end(text),
    { compress: true },
  )
  assert.equal((await get('/', { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding'], 'gzip')
  const plain = await get()
  assert.deepEqual([plain.text, plain.headers['content-encoding']], [text, undefined])
  assert.equal((await get('/', { headers: { 'accept-encoding': 'br' } })).headers['content-encoding'], 'br')
  assert.equal(upstream.count, 1)
})

test('a mistake while a stale answer is confirmed is told, and holds nobody up', async () => {
  const told: object[] = []
  const log = pino({ level: 'error' }, { write: (text) => void told.push(JSON.parse(text)) })
  const clock = new VirtualClock()
  const parts = { clock, log, limits: LIMITS, metrics: gatewayMetrics(new Metrics()) } as unknown as Parts
  const rule = cache(true, 'r', undefined)!
  const sent: string[] = []
  const exchange = {
    ...{ head: { method: 'GET', headers: ['host', 'a'], framing: 0 }, target: { path: '/', query: '' }, service: 'a' },
    ...{
      origin: { ip: '1.2.3.4', proto: 'http', host: 'a', port: '80', chain: ['1.2.3.4'] },
      answerEdits: new FieldEdits(),
    },
    route: { name: 'r', config: { to: 'a' }, rules: { cache: rule } },
    wire: { done: true, send: (_: number, __: object, body: Uint8Array) => sent.push(String(body)) },
    editedRequest: (fields: string[]) => fields,
    editedAnswer: (fields: string[]) => fields,
    filtered: (answer: object) => answer,
    get trace(): never {
      throw new TypeError('a mistake')
    },
  } as unknown as Exchange
  const { key, fields } = cacheRequest(exchange)
  const headers = ['cache-control', 'max-age=1, stale-while-revalidate=9']
  rule.store.put(key, fields, { status: 200, headers, body: Buffer.from('old'), lifetime: 1, age: 0, at: -5000 })
  const step = keep(parts, keeperOf(parts))
  for (const nth of [1, 2]) {
    await step(exchange, () => assert.fail('it is given from the cache'))
    assert.deepEqual([sent.length, told.length], [nth, nth])
  }
  assert.match(JSON.stringify(told[0]), /a mistake/)
})

test('a store is bounded in bytes; the answer unused for longest goes', () => {
  const store = new Store(5000)
  const kept = (text: string) => ({
    ...{ status: 200, headers: [], body: Buffer.from(text), lifetime: 1, age: 0, at: 0 },
  })
  for (const key of ['a', 'b', 'c']) store.put(key, [], kept('x'.repeat(1000)))
  assert.ok(store.get('a', []))
  store.put('d', [], kept('x'.repeat(1000)))
  assert.equal(store.get('b', []), undefined)
  assert.ok(store.get('a', []) && store.get('d', []))
  store.put('huge', [], kept('x'.repeat(6000)))
  assert.equal(store.get('huge', []), undefined)
  assert.ok(store.bytes <= 5000)
  for (const key of ['a', 'b', 'c', 'd']) store.delete(key)
  assert.equal(store.bytes, 0)
})

test('variants of one key are bounded', () => {
  const store = new Store(1_000_000)
  const kept = { status: 200, headers: ['vary', 'x'], body: new Uint8Array(), lifetime: 1, age: 0, at: 0 }
  for (let i = 0; i < 100; i++) store.put('a', ['x', String(i)], kept)
  const found = Array.from({ length: 100 }, (_, i) => store.get('a', ['x', String(i)])).filter(Boolean)
  assert.equal(found.length, 8)
})

test('Cache-Control is read as it is written', () => {
  const directives = directivesOf([
    'Cache-Control',
    'MAX-AGE = "5" , private="x, y"',
    'cache-control',
    'no-store, max-age=9',
  ])
  assert.deepEqual(
    [...directives],
    [
      ['max-age', '5'],
      ['private', 'x, y'],
      ['no-store', ''],
    ],
  )
  assert.equal(lifetimeOf([], directivesOf(['cache-control', 'max-age=99999999999999']), 0), 2 ** 31)
  assert.equal(isStorable({ headers: [], personal: false }, 206, ['cache-control', 'max-age=5'], 0), false)
})

test('a GET with a body has an answer of its own, also over HTTP/2, where no field tells of the body', async (t) => {
  const { get, url, gateway } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  const session = connect(url)
  t.after(() => session.destroy())
  const poison = session.request({ ':authority': `localhost:${gateway.port}`, ':path': '/' }, { endStream: false })
  poison.end('page=evil').resume()
  await once(poison, 'close')
  assert.equal((await get()).text, 'answer 2')
})

for (const [what, fields] of [
  ['sets a cookie', { 'set-cookie': 'session=of-another' }],
  ['is private', { 'cache-control': 'private, max-age=60' }],
  ['varies by everything', { vary: '*' }],
] as const) {
  test(`a confirmation that ${what} is for the one who asked, and ends what was kept`, async (t) => {
    const { get, clock, upstream } = await cached(
      t,
      tagged({ tag: '"1"', body: 'one' }, { 'cache-control': 'max-age=60' }),
    )
    await get()
    clock.advance(61_000)
    upstream.handler = (_, response) => void response.writeHead(304, { 'cache-control': 'max-age=60', ...fields }).end()
    const own = await get()
    assert.deepEqual([own.status, own.text], [200, 'one'])
    upstream.handler = counting({})
    const other = await get()
    assert.deepEqual([other.text, other.headers['set-cookie']], ['answer 1', undefined])
  })
}

test('what a step says of who asks makes the answer personal', async (t) => {
  const login: CustomStep = (request) =>
    request.setHeader('authorization', `Bearer ${request.headers.get('x-session')}`)
  const { get } = await cached(t, counting({ 'cache-control': 'max-age=60' }), { steps: [login] })
  await get('/', { headers: { 'x-session': 'ann' } })
  assert.equal((await get('/', { headers: { 'x-session': 'bob' } })).text, 'answer 2')
})

test('a reload does not mix what routes of the same name keep', async (t) => {
  const key = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' // of foo
  const inner = {
    to: 'users',
    cache: true,
    headers: { 'x-inner': true },
    auth: { apiKeys: { keys: { shop: key } } },
  } as const
  const { get, gateway } = await cached(t, counting({ 'cache-control': 'public, max-age=60' }))
  const routes = [inner, { to: 'users', cache: true }]
  for (let i = 0; i < 2; i++) gateway.reload({ port: gateway.port, routes })
  const secret = await get('/', { headers: { 'x-inner': '1', 'x-api-key': 'foo' } })
  assert.notEqual((await get()).text, secret.text)
})

test('the variants that requests invent count in the bound', () => {
  const store = new Store(100_000)
  const kept = { status: 200, headers: ['vary', 'x'], body: new Uint8Array(), lifetime: 1, age: 0, at: 0 }
  for (let i = 0; i < 20; i++) store.put(String(i), ['x', 'v'.repeat(10_000)], kept)
  assert.ok(store.get('0', ['x', 'v'.repeat(10_000)]) === undefined && store.bytes > 90_000)
})

test('nobody waits for an answer that has become too long to be kept', async () => {
  const told: (Uint8Array | undefined)[] = []
  const note = new Note(new NotingBudget(5000), 1000)
  const source = tee(wholeBody(new Uint8Array(1001)), note, (bytes) => told.push(bytes))
  source.read({ chunk: () => assert.deepEqual(told, [undefined]), end() {}, fail: assert.fail })
  assert.deepEqual(told, [undefined])
})

test('the port that a trusted proxy tells of is part of what is asked for', async (t) => {
  const { get } = await cached(
    t,
    counting({ 'cache-control': 'max-age=60' }),
    {},
    { trustedProxies: ['127.0.0.1', '::1'] },
  )
  await get('/', { headers: { 'x-forwarded-port': '666' } })
  assert.equal((await get('/', { headers: { 'x-forwarded-port': '443' } })).text, 'answer 2')
})

test('a change made by one service of a split makes untrue what any of them said', async (t) => {
  const split = { to: { users: 1, 'users-next': 1 }, by: 'header:x-who' } as const
  const { get, gateway, upstream } = await cached(t, counting({ 'cache-control': 'max-age=60' }))
  gateway.reload({ port: gateway.port, routes: [{ split, cache: true }] })
  // Both are the same upstream here; who is asked depends on the name.
  const asked = new Map<string, string>()
  for (const who of ['a', 'b', 'c', 'd', 'e', 'f']) asked.set(who, (await get('/', { headers: { 'x-who': who } })).text)
  const [one, other] = ['answer 1', 'answer 2'].map((text) => [...asked].find(([, seen]) => seen === text)![0])
  const handler = upstream.handler
  upstream.handler = noContent
  await get('/', { method: 'DELETE', headers: { 'x-who': other! } })
  upstream.handler = handler
  assert.equal((await get('/', { headers: { 'x-who': one! } })).text, 'answer 3')
})

test('many large answers at once: those beyond the bound pass and are not kept, and the bound holds for what comes later', async (t) => {
  const begun: ServerResponse[] = []
  const half = Buffer.alloc(50_000, 'x')
  const handler: RequestListener = (request, response) => {
    const isChunked = request.url!.startsWith('/chunked')
    response.writeHead(200, { 'cache-control': 'max-age=60', ...(isChunked ? {} : { 'content-length': 100_000 }) })
    response.write(half)
    begun.push(response)
  }
  const { get, upstream } = await cached(t, handler, {}, {}, { notingBytes: 410_000 })
  const all = async (paths: readonly string[]) => {
    const before = upstream.count
    const answers = Promise.all(paths.map((path) => get(path)))
    while (upstream.count < before + paths.length) await new Promise(setImmediate)
    for (const response of begun.splice(0)) response.end(half)
    for (const { status, text } of await answers) assert.deepEqual([status, text.length], [200, 100_000])
  }
  const paths = Array.from({ length: 10 }, (_, i) => `/known/${i}`)
  await all(paths)
  upstream.handler = (_, response) => response.end('short')
  const again = await Promise.all(paths.map((path) => get(path)))
  assert.equal(again.filter(({ text }) => text.length === 100_000).length, 4)
  upstream.handler = handler
  await all(Array.from({ length: 10 }, (_, i) => `/chunked/${i}`))
  for (const path of ['/later/1', '/chunked/later/2']) {
    await all([path])
    assert.equal((await get(path)).text.length, 100_000, 'all was given back')
  }
})

test('what was noted is given back, however the answer ends', () => {
  const ends: Record<string, (sink: BodySink, body: BodySource) => void> = {
    whole: (sink) => sink.end([]),
    'broken off': (sink) => sink.fail(new Error('gone')),
    dropped: (_, body) => body.drop(new Error('nobody wants it')),
    'too long': (sink) => sink.chunk(new Uint8Array(900)),
  }
  for (const length of [undefined, 800]) {
    for (const [how, end] of Object.entries(ends)) {
      const budget = new NotingBudget(5000)
      let sink: BodySink | undefined
      const source = { complete: false, started: true, read: (given: BodySink) => (sink = given), drop() {} }
      const told: (number | undefined)[] = []
      const passing = tee(source as unknown as BodySource, new Note(budget, 1000, length), (bytes) =>
        told.push(bytes?.length),
      )
      passing.read({ chunk() {}, end() {}, fail() {} })
      for (let i = 0; i < 8; i++) sink!.chunk(new Uint8Array(100))
      assert.ok(budget.bytes >= 800 && budget.bytes < 3000, `${how}: ${budget.bytes}`)
      end(sink!, passing)
      assert.deepEqual([how, budget.bytes, told], [how, 0, [how === 'whole' ? 800 : undefined]])
    }
  }
})

test('answers that come a byte at a time cost more than their bytes', () => {
  const budget = new NotingBudget(10_000)
  const note = new Note(budget, 1e6)
  let bytes = 0
  for (; note.isOpen; bytes++) note.add(new Uint8Array(1))
  assert.ok(bytes < 100, `${bytes}`)
  assert.deepEqual([note.finish(), budget.bytes], [undefined, 0])
})

test('all routes together keep no more than the bound, and the one that nobody uses gives way', async (t) => {
  const handler: RequestListener = (_, response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(Buffer.alloc(40_000, 'x'))
  const bench = await cached(t, handler, {}, {}, { keptBytes: 200_000 })
  const routes = ['a', 'b', 'c'].map((name) => ({ path: `/${name}/*`, to: 'users', cache: true, attempts: 1 }))
  bench.gateway.reload({ port: bench.gateway.port, routes })
  const asked = async (...paths: string[]) => {
    const before = bench.upstream.count
    for (const path of paths) assert.equal((await bench.get(path)).text.length, 40_000)
    return bench.upstream.count - before
  }
  assert.equal(await asked('/a/1', '/a/2', '/b/1', '/b/2'), 4)
  assert.equal(await asked('/a/1', '/a/2', '/b/1', '/b/2'), 0)
  assert.equal(await asked('/c/1', '/c/2'), 2)
  assert.equal(await asked('/b/1', '/b/2', '/c/1', '/c/2'), 0, 'of a, which was unused for longest, there is less')
  assert.equal(await asked('/a/1', '/a/2'), 2)
})
