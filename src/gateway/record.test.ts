/** The gateway's spans, and one trace through gateway, orders and users as a collector gets it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Metadata, status } from '@grpc/grpc-js'
import { WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import { createCaller } from '../client/caller.ts'
import { client } from '../client/typed.ts'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { seeded } from '../core/random.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { startRegistry } from '../registry/index.ts'
import { op, service } from '../service/define.ts'
import type { Servable } from '../service/servable.ts'
import { serve } from '../service/serve.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { type SeenSpan, startCollector } from '../telemetry/spans/collector.suite.ts'
import { startExport } from '../telemetry/spans/export.ts'
import { attributesOf, type KeptSpans, keptSpans } from '../telemetry/spans/kept.suite.ts'
import { readTracing } from '../telemetry/spans/settings.ts'
import { Tracer } from '../telemetry/spans/tracer.ts'
import type { RouteConfig } from './contract.ts'
import { grpcBench } from './grpc.suite.ts'
import { startGateway } from './index.ts'
import { httpUpstream, instance, workbench } from './workbench.suite.ts'

/** A gateway whose requests are recorded, before one upstream. */
async function recording(t: TestContext, routes: readonly RouteConfig[], kept: KeptSpans = keptSpans()) {
  const { port, server } = await httpUpstream(t, (request, response) => {
    request.resume()
    response.setHeader('cache-control', 'max-age=60')
    response.end('hello')
  })
  const instances = [instance(port), instance(port, { service: 'other' })]
  const { gateway, url } = await workbench(t, { routes, instances, tracer: kept.tracer })
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { headers })
    await response.text()
    return response
  }
  const servers = () => kept.spans.filter(({ kind }) => kind === 'server')
  return { ...kept, ask, servers, port: gateway.port, upstream: port, server }
}

describe('a recorded request', () => {
  test('has a server span by the conventions, named by its route', async (t) => {
    const { ask, servers, port, upstream, spans } = await recording(t, [
      { name: 'front', path: '/user/*', to: 'users' },
    ])
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    await ask('/user/7?key=secret', { traceparent, 'user-agent': 'test', 'x-request-id': 'r1' })
    const [span] = servers()
    assert.deepEqual([span!.name, span!.traceId, span!.parentSpanId], ['GET /user/*', 'a'.repeat(32), 'b'.repeat(16)])
    assert.deepEqual(attributesOf(span!), {
      'http.request.method': 'GET',
      'url.path': '/user/7',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'server.port': port,
      'network.protocol.version': '1.1',
      'user_agent.original': 'test',
      'skein.request_id': 'r1',
      'http.route': '/user/*',
      'client.address': '127.0.0.1',
      'skein.route': 'front',
      'skein.service': 'users',
      'skein.instance': `users-${upstream}`,
      'skein.attempts': 1,
      'http.response.status_code': 200,
    })
    const call = spans.find(({ kind }) => kind === 'internal')!
    assert.deepEqual([call.name, call.parentSpanId], ['users front', span!.spanId])
  })

  test('where nothing is sampled there is no span, and the answer is the same', async (t) => {
    const { ask, spans } = await recording(t, [{ to: 'users' }], keptSpans('always_off'))
    assert.equal((await ask('/')).status, 200)
    assert.deepEqual(spans, [])
  })

  test('refusals: no route is the client’s affair, no instance is not', async (t) => {
    const { ask, servers } = await recording(t, [
      { path: '/here', to: 'nobody' },
      { path: '/closed', to: 'users', maintenance: true },
    ])
    for (const path of ['/nowhere', '/here', '/closed']) await ask(path)
    const seen = servers().map(({ name, status: end, attributes: all }) => [
      ...[name, end.code, all.get('error.type'), all.get('skein.reason')],
    ])
    assert.deepEqual(seen, [
      ['GET', 'unset', undefined, 'no_route'],
      ['GET /here', 'error', 'NO_INSTANCES', 'no_instances'],
      ['GET /closed', 'error', 'MAINTENANCE', 'maintenance'],
    ])
  })

  test('a client that goes away is told, and no status that nobody was sent', async (t) => {
    const kept = keptSpans()
    const asked = Promise.withResolvers<void>()
    const { port } = await httpUpstream(t, () => asked.resolve())
    const { url, line } = await workbench(t, { instances: [instance(port)], tracer: kept.tracer })
    const stop = new AbortController()
    const answer = assert.rejects(fetch(url, { signal: stop.signal }))
    await asked.promise
    stop.abort()
    await answer
    await line()
    const { attributes, status: end } = kept.spans.find(({ kind }) => kind === 'server')!
    assert.deepEqual(
      [end.code, attributes.get('error.type'), attributes.has('http.response.status_code')],
      [...['error', 'CANCELLED', false]],
    )
  })

  test('a rate limit, the cache and a split tell what they decided', async (t) => {
    const { ask, told, servers } = await recording(t, [
      { path: '/limited', to: 'users', rateLimit: { requests: 1, seconds: 60 } },
      { path: '/kept', to: 'users', cache: true },
      { path: '/split', split: { to: { users: 0, other: 1 } } },
    ])
    for (const path of ['/limited', '/limited', '/kept', '/kept', '/split']) await ask(path)
    assert.deepEqual(told('GET /limited'), [['skein.rate-limited', { retry_after_s: 60 }]])
    assert.deepEqual(told('GET /kept'), [
      ['skein.cache', { outcome: 'miss' }],
      ['skein.cache', { outcome: 'hit' }],
    ])
    assert.deepEqual(told('GET /split'), [['skein.split', { service: 'other' }]])
    assert.equal(servers()[1]!.attributes.get('skein.code'), 'RATE_LIMITED')
  })
})

test('a WebSocket is one server span until it closes, with the choice of its instance', async (t) => {
  const { told, port, server, servers } = await recording(t, [{ path: '/ws', to: 'users', websocket: true }])
  const sockets = new WebSocketServer({ server })
  t.after(() => sockets.close())
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  await once(socket, 'open')
  assert.equal(servers().length, 0)
  socket.close()
  while (servers().length === 0) await turn()
  const [[word, { policy, candidates }] = ['', {}]] = told('GET /ws')
  assert.deepEqual([word, policy, candidates], ['skein.pick', 'p2c', 1])
  assert.deepEqual(
    [servers()[0]!.attributes.get('http.response.status_code'), servers()[0]!.status.code],
    [101, 'unset'],
  )
})

test('a gRPC call that fails is an error, although its HTTP status is 200', async (t) => {
  const kept = keptSpans()
  const { client: echo, line } = await grpcBench(
    t,
    { unary: (_, done) => done({ code: status.INTERNAL, details: 'no' }) },
    { tracer: kept.tracer },
  )
  await assert.rejects(echo.unary({ text: 'a' }, new Metadata()).answer)
  await line()
  const server = kept.spans.find(({ kind }) => kind === 'server')!
  const { attributes } = server
  assert.deepEqual(
    [server.name, attributes.get('http.response.status_code'), attributes.get('rpc.grpc.status_code')],
    ['POST /*', 200, 13],
  )
  assert.deepEqual([server.status.code, attributes.get('error.type')], ['error', 'INTERNAL'])
})

test('a request through gateway, orders and users is one trace at the collector, with the parents right', async (t) => {
  const collector = await startCollector()
  const registry = await startRegistry({ port: 0 })
  const ends: (() => Promise<unknown>)[] = [() => registry.close(), () => collector.close()]
  t.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  /** As a process of its own would have it: a tracer to the collector, and a caller that knows the registry. */
  const party = (name: string) => {
    const settings = readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: name })!
    const exporter = startExport({
      ...{ settings, clock: systemClock, random: seeded(1), metrics: new Metrics(), log: () => silentLogger },
      resource: () => settings.resource as { 'service.name': string },
    })
    const tracer = new Tracer({ sink: exporter.sink, sampler: settings.sampler, clock: systemClock })
    const consul = new ConsulClient({ address: registry.url })
    const source = consulSource({ client: consul })
    const caller = createCaller({ source, tracer, metrics: new Metrics() })
    ends.push(async () => {
      await caller.close()
      await source.close()
      await consul.close()
    })
    return { tracer, caller, consul, flush: () => exporter.flush() }
  }
  const served = async (servable: Servable, { tracer }: { tracer: Tracer }) => {
    const options = { registry: registry.url, drainDelayMs: 0, signals: false, log: silentLogger, env: {}, tracer }
    const running = await serve(servable, { ...options, instance: `${servable.name}-1` })
    ends.push(() => running.close())
  }

  const id = z.object({ id: z.string() })
  const users = service('users', { get: op({ route: 'GET /user/:id', in: id }, ({ id: user }) => ({ name: user })) })
  const parties = { users: party('users'), orders: party('orders'), gateway: party('gateway') }
  const usersClient = client<typeof users>('users', { caller: parties.orders.caller, consul: parties.orders.consul })
  const orders = service('orders', {
    get: op({ route: 'GET /order/:id', in: id }, async (input) => ({ by: await usersClient.get({ id: input.id }) })),
  })
  await served(users, parties.users)
  await served(orders, parties.orders)
  const gateway = await startGateway({
    config: { port: 0, routes: [{ path: '/order/*', to: 'orders' }] },
    ...{ caller: parties.gateway.caller, tracer: parties.gateway.tracer, metrics: new Metrics() },
  })
  ends.push(() => gateway.close())

  const response = await fetch(`http://127.0.0.1:${gateway.port}/order/7`)
  assert.deepEqual(await response.json(), { by: { name: '7' } })
  while (collector.spans.length < 7) {
    await turn()
    await Promise.all(Object.values(parties).map(({ flush }) => flush()))
  }
  assert.deepEqual(tree(collector.spans), [
    'gateway GET /order/* (server)',
    ' gateway orders /order/* → orders (internal)',
    '  gateway GET (client)',
    '   orders GET /order/:id (server)',
    '    orders users get (internal)',
    '     orders GET (client)',
    '      users GET /user/:id (server)',
  ])
})

const KINDS = ['', 'internal', 'server', 'client']

/** Each span below its parent; one that has none, or that is not there, stands on the left. */
function tree(spans: readonly SeenSpan[], parent?: string, depth = 0): string[] {
  return spans
    .filter((span) => span.parentSpanId === parent)
    .flatMap((span) => [
      `${' '.repeat(depth)}${span.service} ${span.name} (${KINDS[span.kind]})`,
      ...tree(
        spans.filter(({ traceId }) => traceId === span.traceId),
        span.spanId,
        depth + 1,
      ),
    ])
}
