/** Every adapter gives the same around another framework's app. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import express from 'express'
import fastify from 'fastify'
import { currentContext } from '../../core/context.ts'
import { ConfigError } from '../../core/issues.ts'
import { logged, raw, scriptedRegistry, start } from '../harness.suite.ts'
import { isServable, type Servable } from '../servable.ts'
import { type AdaptOptions, adaptExpress, adaptFastify, adaptHandler } from './index.ts'

/** Each app answers GET /hello with the trace that it runs in, echoes POST /echo, and fails at /throws. */
const hello = () => ({ traceId: currentContext()?.traceId })

const ADAPTED: Record<string, (options: AdaptOptions) => Servable> = {
  adaptFastify(options) {
    const app = fastify()
    app.get('/hello', async () => hello())
    app.post('/echo', async (request) => request.body)
    app.get('/throws', async () => {
      throw new Error('x')
    })
    return adaptFastify('shop', app, options)
  },
  adaptExpress(options) {
    const app = express().use(express.json())
    app.set('env', 'test')
    app.get('/hello', (_request, response) => void response.json(hello()))
    app.post('/echo', (request, response) => void response.json(request.body))
    app.get('/throws', () => {
      throw new Error('x')
    })
    return adaptExpress('shop', app, options)
  },
  adaptHandler(options) {
    return adaptHandler(
      'shop',
      async (request, response) => {
        if (request.url === '/throws') throw new Error('x')
        if (request.url === '/hello') return response.end(JSON.stringify(hello()))
        response.setHeader('content-type', 'application/json')
        for await (const chunk of request) response.write(chunk)
        return response.end()
      },
      options,
    )
  },
}

for (const [name, adapt] of Object.entries(ADAPTED)) {
  describe(name, () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

    test("the app answers inside the caller's trace, with log and metrics", async () => {
      assert.ok(isServable(adapt({})))
      await using it = await start(adapt({}))
      const response = await fetch(`${it.url}/hello`, { headers: { traceparent, 'x-request-id': 'r1' } })
      assert.deepEqual(await response.json(), { traceId: '0af7651916cd43dd8448eb211c80319c' })
      assert.equal(response.headers.get('x-request-id'), 'r1')
      const line = await logged(it.lines, ({ kind }) => kind === 'access')
      assert.deepEqual(
        [line['status'], line['path'], line['operation'], line['requestId']],
        [200, '/hello', 'GET', 'r1'],
      )
      const metrics = (await it.ask('GET /metrics')).body as string
      assert.match(metrics, /skein_server_requests_total\{service="shop",operation="GET",.*code="200"\} 1/)
    })

    test('bodies pass', async () => {
      await using it = await start(adapt({}))
      assert.deepEqual((await it.ask('POST /echo', { json: { a: 1 } })).body, { a: 1 })
    })

    test('an app that throws is a 500, and goes on', async () => {
      await using it = await start(adapt({}))
      assert.equal((await it.ask('GET /throws')).status, 500)
      assert.equal((await it.ask('GET /hello')).status, 200)
    })

    test('health, registration and hooks are those of a service', async () => {
      await using registry = await scriptedRegistry()
      const order: string[] = []
      const options: AdaptOptions = {
        health: () => order.push('health'),
        onStart: () => order.push('start'),
        onStop: () => order.push('stop'),
        version: '2',
        tags: ['t'],
      }
      const it = await start(adapt(options), { registry: registry.url, instance: 'shop-1', drainDelayMs: 0 })
      assert.equal((await it.ask('GET /health/ready')).status, 200)
      const body = JSON.parse(registry.requests[0]!.body)
      assert.deepEqual([body.ID, body.Name, body.Port, body.Tags], ['shop-1', 'shop', it.port, ['t']])
      assert.deepEqual(body.Meta, { skein: '1', version: '2' })
      await it.close()
      assert.deepEqual(order, ['start', 'health', 'stop'])
      assert.equal(await registry.seen(/deregister\/shop-1/), 1)
    })
  })
}

test('an error is answered without what the app had set for its own answer', async () => {
  const servable = adaptHandler('shop', (_request, response) => {
    response.statusMessage = 'Fine'
    response.setHeader('content-length', '3')
    response.setHeader('content-encoding', 'gzip')
    response.setHeader('etag', '"1"')
    throw new Error('x')
  })
  await using it = await start(servable)
  const { status, headers, code } = await it.ask('GET /')
  assert.deepEqual([status, code], [500, 'INTERNAL'])
  assert.deepEqual([headers.get('etag'), headers.get('content-encoding')], [null, null])
  assert.match(await raw(it.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 500 Internal/)
})

test('upgrades reach an app that takes them', async () => {
  const servable = adaptHandler('shop', (_request, response) => response.end(), {
    upgrade: (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'),
  })
  await using it = await start(servable)
  const socket = connect(it.port, '127.0.0.1').setEncoding('utf8')
  let answer = ''
  socket.on('data', (data) => (answer += data))
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
  await once(socket, 'end')
  assert.match(answer, /101 .*hello$/s)
})

test('a name that cannot be a host name is refused', () => {
  assert.throws(() => adaptHandler('My Shop', () => {}), ConfigError)
})
