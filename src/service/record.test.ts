/** The server span of a service, and what handlers put into it. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { fastify } from 'fastify'
import * as z from 'zod'
import { currentContext } from '../core/context.ts'
import { SkeinError } from '../core/errors.ts'
import { inSpan } from '../telemetry/spans/in-span.ts'
import { attributesOf, keptSpans } from '../telemetry/spans/kept.suite.ts'
import { adaptFastify } from './adapt/index.ts'
import { op, service } from './define.ts'
import { logged, start } from './harness.suite.ts'

const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

describe('a recorded service', () => {
  test('has a server span for each request, below the traceparent, by the conventions', async () => {
    const kept = keptSpans()
    const users = service('users', {
      get: op({ route: 'GET /user/:id', in: z.object({ id: z.string() }) }, () => ({ ok: true })),
    })
    await using it = await start(users, { tracer: kept.tracer })
    await it.ask('GET /user/7?token=secret', {
      headers: { traceparent: PARENT, 'user-agent': 'test', 'x-request-id': 'r1' },
    })
    await logged(it.lines, ({ kind }) => kind === 'access')
    const [span] = kept.spans
    assert.deepEqual([span!.name, span!.kind], ['GET /user/:id', 'server'])
    assert.deepEqual([span!.traceId, span!.parentSpanId, span!.hasRemoteParent], ['a'.repeat(32), 'b'.repeat(16), true])
    assert.deepEqual(attributesOf(span!), {
      'http.request.method': 'GET',
      'url.path': '/user/7',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'server.port': it.port,
      'network.protocol.version': '1.1',
      'user_agent.original': 'test',
      'skein.request_id': 'r1',
      'http.route': '/user/:id',
      'skein.operation': 'get',
      'http.response.status_code': 200,
    })
    const line = it.lines.find(({ kind }) => kind === 'access')!
    assert.equal(line['traceId'], span!.traceId)
  })

  test('no probes, and no request of a trace that is not sampled', async () => {
    const kept = keptSpans()
    let flags: number | undefined
    const users = service('users', {
      get: op({ route: 'GET /user' }, (_, { span }) => {
        assert.equal(span, undefined)
        flags = currentContext()!.traceFlags
      }),
    })
    await using it = await start(users, { tracer: kept.tracer })
    await it.ask('GET /health/ready')
    await it.ask('GET /user', { headers: { traceparent: PARENT.replace(/1$/, '0') } })
    assert.equal(flags, 0)
    assert.deepEqual(kept.spans, [])
  })

  test('errors: declared ones are answers, what is thrown is not, unknown paths have no route', async () => {
    const kept = keptSpans()
    const users = service('users', {
      lost: op({ route: 'GET /lost', errors: { Lost: 404 } }, (_, ctx) => ctx.fail('Lost')),
      broken: op({ route: 'GET /broken' }, () => {
        throw new Error('no')
      }),
    })
    await using it = await start(users, { tracer: kept.tracer })
    for (const path of ['/lost', '/broken', '/nowhere/7']) await it.ask(`GET ${path}`)
    await it.ask('GET /lost')
    const seen = kept.spans.map(({ name, status, attributes: all }) => [
      name,
      status.code,
      all.get('error.type'),
      all.get('skein.code'),
    ])
    assert.deepEqual(seen.slice(0, 3), [
      ['GET /lost', 'unset', undefined, 'Lost'],
      ['GET /broken', 'error', 'INTERNAL', 'INTERNAL'],
      ['GET', 'unset', undefined, 'UNKNOWN_OPERATION'],
    ])
  })

  test('a caller that goes away before the answer is told so', async () => {
    const kept = keptSpans()
    const begun = Promise.withResolvers<void>()
    const users = service('users', {
      slow: op({ route: 'GET /slow' }, (_, { signal }) => {
        begun.resolve()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }),
    })
    await using it = await start(users, { tracer: kept.tracer })
    const socket = connect(it.port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
    await begun.promise
    socket.destroy()
    await logged(it.lines, ({ status }) => status === 499)
    const [span] = kept.spans
    assert.deepEqual([span!.status.code, span!.attributes.get('error.type')], ['error', 'CANCELLED'])
    assert.equal(span!.attributes.has('http.response.status_code'), false)
  })

  test('what is refused for too much work says of which priority and why', async () => {
    const kept = keptSpans()
    const held: (() => void)[] = []
    const users = service('users', {
      get: op({ route: 'GET /user', timeoutMs: 1000 }, () => new Promise<void>((resolve) => void held.push(resolve))),
    })
    await using it = await start(users, { tracer: kept.tracer, limit: 1 })
    const first = it.ask('GET /user')
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const second = await it.ask('GET /user')
    assert.equal(second.code, 'OVERLOADED')
    held[0]!()
    await first
    const [word, facts] = kept.told('GET')[0]!
    assert.deepEqual([word, facts['priority']], ['skein.shed', 'interactive'])
    assert.equal(typeof facts['reason'], 'string')
  })

  test('a deadline that passes is told', async () => {
    const kept = keptSpans()
    const users = service('users', { slow: op({ route: 'GET /slow', timeoutMs: 10 }, () => new Promise(() => {})) })
    await using it = await start(users, { tracer: kept.tracer, drainTimeoutMs: 0 })
    assert.equal((await it.ask('GET /slow')).status, 504)
    await logged(it.lines, ({ kind }) => kind === 'access')
    assert.deepEqual(kept.told('GET /slow'), [['skein.deadline-exceeded', {}]])
    assert.equal(kept.spans[0]!.attributes.get('error.type'), 'DEADLINE_EXCEEDED')
  })

  test('does not start with a variable that makes no sense', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_BSP_SCHEDULE_DELAY: 'soon' }
    await assert.rejects(start(service('users', {}), { env }), /OTEL_BSP_SCHEDULE_DELAY: "soon" is no whole number/)
  })

  test('an app of another framework has the same', async () => {
    const kept = keptSpans()
    const app = fastify()
    app.get('/hello/:name', async (request) => {
      currentContext()?.span?.set({ greeted: true })
      return (request.params as { name: string }).name
    })
    await using it = await start(adaptFastify('greeter', app), { tracer: kept.tracer })
    assert.equal((await it.ask('GET /hello/ada')).body, 'ada')
    await logged(it.lines, ({ kind }) => kind === 'access')
    const [span] = kept.spans
    assert.deepEqual(
      [span!.name, span!.attributes.get('url.path'), span!.attributes.get('greeted')],
      ['GET', '/hello/ada', true],
    )
  })
})

describe('handlers', () => {
  test('add attributes, events and spans below, which calls and logs made in them belong to', async () => {
    const kept = keptSpans()
    const orders = service('orders', {
      get: op({ route: 'GET /order' }, async (_, ctx) => {
        ctx.span?.set({ 'order.items': 3 })
        ctx.span?.event('looked up')
        const inner = await inSpan('load', async (span) => {
          span?.set({ rows: 1 })
          const below = currentContext()!
          assert.equal(below.signal, ctx.signal)
          assert.equal(below.requestId, ctx.requestId)
          return inSpan('deeper', () => below.spanId)
        })
        await assert.rejects(
          inSpan('broken', () => Promise.reject(new RangeError('bad'))),
          RangeError,
        )
        await assert.rejects(
          inSpan('refused', () => {
            throw new SkeinError('FORBIDDEN', 'no')
          }),
        )
        return inner
      }),
    })
    await using it = await start(orders, { tracer: kept.tracer })
    const { body } = await it.ask('GET /order')
    await logged(it.lines, ({ kind }) => kind === 'access')
    const [deeper, load, broken, refused, server] = kept.spans
    assert.deepEqual(
      kept.spans.map(({ name }) => name),
      ['deeper', 'load', 'broken', 'refused', 'GET /order'],
    )
    assert.equal(body, load!.spanId)
    assert.deepEqual([load!.parentSpanId, deeper!.parentSpanId], [server!.spanId, load!.spanId])
    assert.deepEqual(
      [broken!.status, broken!.attributes.get('error.type')],
      [{ code: 'error', message: 'bad' }, 'RangeError'],
    )
    assert.equal(refused!.attributes.get('error.type'), 'FORBIDDEN')
    assert.equal(server!.attributes.get('order.items'), 3)
    assert.deepEqual(
      server!.events.map(({ name }) => name),
      ['looked up'],
    )
  })

  test('write the same where nothing is recorded', async () => {
    const orders = service('orders', {
      get: op({ route: 'GET /order' }, (_, ctx) => {
        ctx.span?.set({ a: 1 })
        return inSpan('load', (span) => span === undefined)
      }),
    })
    await using it = await start(orders)
    assert.equal((await it.ask('GET /order')).body, true)
    assert.equal(await inSpan('outside', () => 7), 7)
  })
})
