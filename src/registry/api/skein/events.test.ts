import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { VirtualClock } from '../../../core/clock.ts'
import { UNLIMITED } from '../../acl/rights.ts'
import { MemoryStorage } from '../../storage/memory.ts'
import { Store } from '../../store.ts'
import { instance, testRegistry } from '../../test-kit.fixture.ts'
import { AnswerCache } from '../answer-cache.ts'
import type { ApiRequest, Registry } from '../endpoint.ts'
import { QueryString } from '../query-string.ts'
import { EventStream, HEARTBEAT_MS } from './event-stream.ts'
import { events } from './events.ts'
import { InstanceFeed } from './feed.ts'

interface Event {
  readonly event: string
  readonly id: string
  readonly data: Record<string, unknown> & { Instances?: { Service: { ID: string } }[] }
}

/** A reader by the rules of server-sent events. */
async function open(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url + path, { headers, agent: false }, resolve).on('error', reject)
  })
  response.setEncoding('utf8')
  const events = parse(response)
  const next = async () => (await events.next()).value as Event
  return {
    response,
    next,
    /** Everything up to the next event of this name, and it. */
    async until(name: string) {
      const seen: Event[] = []
      while (seen.at(-1)?.event !== name) seen.push(await next())
      return seen
    },
    [Symbol.asyncDispose]: async () => void response.destroy(),
  }
}

async function* parse(response: IncomingMessage): AsyncGenerator<Event, undefined> {
  let text = ''
  for await (const chunk of response) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      if (field('event') !== '') yield { event: field('event'), id: field('id'), data: JSON.parse(field('data')) }
    }
  }
  return undefined
}

const register = (registry: Awaited<ReturnType<typeof testRegistry>>, name: string, id: string, extra = {}) =>
  registry.put('/v1/agent/service/register', instance(name, id, extra))
const told = ({ event, data }: Event) => [event, data['Service'], data['ID'], data['Instance'] === null ? 'gone' : '']

test('snapshots first, then each instance that comes, changes, flips or goes, of the services asked for only', async () => {
  await using registry = await testRegistry()
  await register(registry, 'a', 'a1')
  const self = await registry.get('/v1/agent/self')
  assert.match(self.headers.get('x-skein-version') ?? '', /^\d+\./)
  await using stream = await open(registry.url, '/v1/skein/events?service=a&service=b')
  assert.equal(stream.response.headers['content-type'], 'text/event-stream')
  const begin = await stream.until('ready')
  assert.deepEqual(
    begin.map(({ event, data }) => [event, data['Service'], data.Instances?.length]),
    [
      ['start', undefined, undefined],
      ['snapshot', 'a', 1],
      ['snapshot', 'b', 0],
      ['ready', undefined, undefined],
    ],
  )
  const shown = (await registry.get('/v1/health/service/a')).json()
  assert.deepEqual(begin[1]?.data.Instances, shown)
  await register(registry, 'c', 'c1')
  await register(registry, 'b', 'b1')
  assert.deepEqual(told(await stream.next()), ['instance', 'b', 'b1', ''])
  await registry.put('/v1/agent/check/fail/service:a1?note=tired')
  const flip = await stream.next()
  assert.deepEqual([flip.data['Instance']], (await registry.get('/v1/health/service/a')).json())
  await register(registry, 'b', 'a1')
  assert.deepEqual(
    [told(await stream.next()), told(await stream.next())],
    [
      ['instance', 'a', 'a1', 'gone'],
      ['instance', 'b', 'a1', ''],
    ],
  )
  await registry.put('/v1/agent/service/deregister/b1')
  assert.deepEqual(told(await stream.next()), ['instance', 'b', 'b1', 'gone'])
})

test('a node in maintenance changes every instance on it, also when that ends', async () => {
  await using registry = await testRegistry()
  await register(registry, 'a', 'a1')
  await register(registry, 'b', 'b1')
  await using stream = await open(registry.url, '/v1/skein/events')
  await stream.until('ready')
  for (const enable of [true, false]) {
    await registry.put(`/v1/agent/maintenance?enable=${enable}`)
    const ids: unknown[] = []
    while (ids.length < 3) ids.push((await stream.next()).data['ID'])
    assert.deepEqual(ids.sort(), ['a1', 'b1', 'consul'])
  }
})

test('resumes where it was left: only what changed since; not across runs, nor where names may have gone', async () => {
  await using registry = await testRegistry()
  for (const name of ['a', 'b']) await register(registry, name, `${name}1`)
  const resume = async (path: string, id: string) => {
    await using stream = await open(registry.url, `/v1/skein/events${path}`, { 'last-event-id': id })
    const events = await stream.until('ready')
    const services = events.filter(({ event }) => event === 'snapshot').map(({ data }) => data['Service'])
    return { resumed: events[0]?.data['Resumed'], services, id: events.at(-1)!.id }
  }
  const { id } = await resume('', '')
  assert.deepEqual(await resume('', id), { resumed: true, services: [], id })
  await registry.put('/v1/agent/check/fail/service:b1')
  const after = await resume('', id)
  assert.deepEqual([after.resumed, after.services], [true, ['b']])
  const [index] = id.split('-')
  assert.deepEqual((await resume(`?service=a&service=b&index=${index}`, '')).services, ['b'])
  assert.equal((await resume('', `${index}-0123`)).resumed, false, 'another run')
  assert.equal((await resume('', '999999')).resumed, false, 'from the future')
  await registry.put('/v1/agent/service/deregister/b1')
  assert.equal((await resume('', after.id)).resumed, false, 'b is gone')
  assert.deepEqual(await resume('?service=a', after.id).then(({ resumed, services }) => [resumed, services]), [
    true,
    [],
  ])
  assert.equal((await registry.get('/v1/skein/events?index=x')).status, 400)
})

test('after a store went back in time nothing is resumed, also at an index that was there before', async () => {
  const store = new Store(new MemoryStorage())
  await store.open()
  const feed = new InstanceFeed(store, (found) => found)
  const begin = async (id: string) => {
    const request = { query: new QueryString(''), rights: UNLIMITED, header: () => id } as Partial<ApiRequest>
    const registry = { store, feed, cache: new AnswerCache(), clock: new VirtualClock() } as Partial<Registry>
    let text = ''
    const out = new Writable({
      write(chunk, _encoding, done) {
        text += chunk
        done()
      },
    })
    ;(await events(request as ApiRequest, registry as Registry)).stream!(out)
    out.destroy()
    return { resumed: /"Resumed":(true|false)/.exec(text)?.[1], id: /^id: (.+)$/m.exec(text)?.[1] ?? '' }
  }
  const node = { Node: 'n', ID: '', Address: '10.0.0.1', TaggedAddresses: null, Meta: null }
  await store.write({
    type: 'register',
    node,
    skipNodeUpdate: false,
    checks: [],
    keepStatus: true,
    replaceChecks: false,
  })
  const { id } = await begin('')
  assert.equal((await begin(id)).resumed, 'true')
  store.reload([{ kind: 'node', key: 'n', body: { ...node, Address: '10.0.0.2' } }], store.state.index)
  assert.equal((await begin(id)).resumed, 'false')
  assert.equal((await begin((await begin(id)).id)).resumed, 'true')
})

test('closing the registry ends the streams', async () => {
  const registry = await testRegistry()
  await using stream = await open(registry.url, '/v1/skein/events')
  await stream.until('ready')
  await registry.close()
  assert.equal(await stream.next(), undefined)
})

/** A connection that takes nothing until it is told to. */
function slowReader() {
  const clock = new VirtualClock()
  const written: string[] = []
  const pending: (() => void)[] = []
  const out = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      pending.push(done)
    },
  })
  const drain = async () => {
    while (pending.length > 0) {
      pending.shift()!()
      await new Promise(setImmediate)
    }
  }
  const source = {
    clock,
    follows: () => true,
    snapshot: (service: string) => Buffer.from(`snapshot of ${service};`),
    id: () => '7-x',
  }
  return { clock, written, drain, out, stream: new EventStream(source, out, []) }
}

test('a slow reader is owed names, not events: one snapshot each when it reads again', async () => {
  const { stream, written, drain, out } = slowReader()
  stream.start(false)
  for (let i = 0; i < 10_000; i++) stream.hear([{ service: `s${i % 3}`, node: 'n', json: 'x'.repeat(1000) }])
  assert.ok(out.writableLength < 1000)
  await drain()
  assert.deepEqual(written.slice(-4), [
    'snapshot of s0;',
    'snapshot of s1;',
    'snapshot of s2;',
    'event: ready\nid: 7-x\ndata: {}\n\n',
  ])
  stream.hear([{ service: 's', node: 'n', json: '{}' }])
  assert.equal(written.at(-1), 'event: instance\nid: 7-x\ndata: {}\n\n')
  stream.stop()
})

test('heartbeats while all is quiet; who does not read for a minute is cut off', async () => {
  const { stream, clock, written, drain, out } = slowReader()
  stream.start(false)
  await drain()
  clock.advance(HEARTBEAT_MS)
  assert.equal(written.at(-1), ':\n\n')
  clock.advance(3 * HEARTBEAT_MS)
  assert.equal(out.destroyed, false)
  clock.advance(HEARTBEAT_MS)
  assert.equal(out.destroyed, true)
  stream.stop()
})
