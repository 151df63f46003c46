import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { VirtualClock } from '../core/clock.ts'
import { ConfigError } from '../core/issues.ts'
import { startGateway } from './index.ts'
import { deadPort, httpUpstream, instance, rawRequest, tcpUpstream, workbench } from './workbench.suite.ts'

/** An upstream that answers with what it received. */
const mirror: import('node:http').RequestListener = async (request, response) => {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { method, url, rawHeaders } = request
  response.setHeader('set-cookie', ['a=1', 'b=2'])
  response.setHeader('connection', 'x-hop')
  response.setHeader('x-hop', 'gone')
  response.setHeader('x-kept', 'yes')
  response.end(JSON.stringify({ method, url, headers: request.headers, rawHeaders, body }))
}

interface Mirrored {
  method: string
  url: string
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  body: string
}

async function mirrored(t: import('node:test').TestContext, options: Parameters<typeof workbench>[1] = {}) {
  const { port } = await httpUpstream(t, mirror)
  return workbench(t, { instances: [instance(port)], ...options })
}

test('method, path, query, headers and body go there and back', async (t) => {
  const { url, line } = await mirrored(t, { routes: [{ name: 'all', path: '/u/*', to: 'users' }] })
  const answer = await fetch(`${url}/u/7?a=b&c=%2F`, { method: 'PATCH', body: 'text', headers: { 'x-own': '1' } })
  assert.equal(answer.status, 200)
  const seen = (await answer.json()) as Mirrored
  assert.deepEqual([seen.method, seen.url, seen.body], ['PATCH', '/u/7?a=b&c=%2F', 'text'])
  assert.equal(seen.headers['x-own'], '1')
  assert.equal(seen.headers.host, url.slice('http://'.length))
  assert.equal(answer.headers.get('x-kept'), 'yes')
  assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2'])
  assert.equal(answer.headers.get('x-hop'), null)
  assert.ok(answer.headers.get('date'))
  const { method, path, route, status, attempts, instance: chosen, bytes, durationMs } = await line()
  assert.deepEqual([method, path, route, status], ['PATCH', '/u/7', 'all', 200])
  assert.ok(Number(bytes) > 0 && Number(durationMs) > 0)
  assert.equal((attempts as { instance: string }[])[0]?.instance, chosen)
})

test('the upstream learns who asks; what the client claims does not count', async (t) => {
  const { url, gateway } = await mirrored(t)
  const headers = {
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-real-ip': '1.2.3.4',
    forwarded: 'for=1.2.3.4',
    'x-skein-deadline-ms': '1',
    'x-skein-internal': 'yes',
    host: 'shop.example.com',
  }
  const seen = await new Promise<Mirrored>((resolve) => {
    get(url, { headers }, async (answer) => {
      let text = ''
      for await (const chunk of answer) text += String(chunk)
      resolve(JSON.parse(text))
    })
  })
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(seen.headers['x-forwarded-proto'], 'http')
  assert.equal(seen.headers['x-forwarded-host'], 'shop.example.com')
  assert.equal(seen.headers['x-forwarded-port'], String(gateway.port))
  assert.equal(seen.headers['x-real-ip'], '127.0.0.1')
  assert.equal(seen.headers.forwarded, undefined)
  assert.equal(seen.headers['x-skein-internal'], undefined)
  assert.ok(Number(seen.headers['x-skein-deadline-ms']) > 1)
  assert.equal(seen.headers.host, 'shop.example.com')
})

test('a trusted proxy is believed', async (t) => {
  const { url } = await mirrored(t, { config: { trustedProxies: ['127.0.0.0/8'] } })
  const answer = await fetch(url, { headers: { 'x-forwarded-for': '6.6.6.6, 9.9.9.9', 'x-forwarded-proto': 'https' } })
  const seen = (await answer.json()) as Mirrored
  assert.equal(seen.headers['x-forwarded-for'], '9.9.9.9, 127.0.0.1')
  assert.equal(seen.headers['x-real-ip'], '9.9.9.9')
  assert.equal(seen.headers['x-forwarded-proto'], 'https')
})

test('preserveHost: false sends the instance its own address', async (t) => {
  const { url } = await mirrored(t, { routes: [{ to: 'users', preserveHost: false }] })
  const seen = (await (await fetch(url)).json()) as Mirrored
  assert.match(seen.headers.host!, /^127\.0\.0\.1:\d+$/)
  assert.notEqual(seen.headers.host, url.slice('http://'.length))
})

test('a trace is continued and a request id kept; malformed ones are replaced', async (t) => {
  const { url, line } = await mirrored(t)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const answer = await fetch(url, { headers: { traceparent, tracestate: 'v=1', 'x-request-id': 'mine/+1=' } })
  const seen = (await answer.json()) as Mirrored
  assert.equal(answer.headers.get('x-request-id'), 'mine/+1=')
  assert.equal(seen.headers['x-request-id'], 'mine/+1=')
  assert.match(
    String(seen.headers.traceparent),
    /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
  )
  assert.equal(seen.headers.tracestate, 'v=1')
  assert.equal((await line()).traceId, '0af7651916cd43dd8448eb211c80319c')
  const other = await fetch(url, { headers: { traceparent: 'x', 'x-request-id': 'a b' } })
  assert.match(other.headers.get('x-request-id')!, /^[0-9a-f-]{36}$/)
  assert.match(String(((await other.json()) as Mirrored).headers.traceparent), /^00-(?!0af7)[0-9a-f]{32}-/)
})

test('HEAD, 204 and 304 have no body', async (t) => {
  const { port } = await httpUpstream(t, (request, response) => {
    const status = Number(request.url?.slice(1)) || 200
    response.writeHead(status, status === 200 ? { 'content-length': '5' } : { etag: '"1"' })
    response.end(status === 200 ? 'hello' : undefined)
  })
  const { url } = await workbench(t, { instances: [instance(port)] })
  const head = await fetch(url, { method: 'HEAD' })
  assert.equal(head.headers.get('content-length'), '5')
  assert.equal(await head.text(), '')
  for (const status of [204, 304]) {
    const answer = await fetch(`${url}/${status}`)
    assert.deepEqual([answer.status, await answer.text()], [status, ''])
  }
  assert.equal(await (await fetch(url)).text(), 'hello')
})

test('1xx of an upstream are not answers, its trailers stay behind', async (t) => {
  const { port } = await httpUpstream(t, (_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.writeProcessing()
    response.writeHead(200, { trailer: 'x-sum' })
    response.write('a')
    response.addTrailers({ 'x-sum': '1' })
    response.end()
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const answer = await rawRequest(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(answer.text, /^HTTP\/1\.1 200 OK/)
  assert.doesNotMatch(answer.text, /x-sum/i)
})

test('there is exactly one Date, the upstream’s where it gives one', async (t) => {
  const { port } = await httpUpstream(t, (request, response) => {
    response.sendDate = false
    if (request.url === '/own') response.setHeader('date', 'Thu, 01 Jan 1970 00:00:00 GMT')
    response.end()
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  for (const path of ['/own', '/none']) {
    const { text } = await rawRequest(gateway.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(text.match(/^date:/gim)?.length, 1)
    assert.equal(text.includes('1970'), path === '/own')
  }
})

test('an HTTP/1.0 client gets the body bare, and the connection ends', async (t) => {
  const { port } = await httpUpstream(t, (_, response) => {
    response.write('a')
    response.end('b')
  })
  const { gateway } = await workbench(t, { instances: [instance(port)] })
  const answer = await rawRequest(gateway.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  assert.match(answer.text, /\r\n\r\nab$/)
  assert.equal(answer.ended, 'end')
})

test('no route is 404, with code, reason and the way out', async (t) => {
  const { url, line, metrics } = await workbench(t, { routes: [{ path: '/a', to: 'users' }] })
  const answer = await fetch(`${url}/b?secret=1`)
  assert.equal(answer.status, 404)
  assert.equal(answer.headers.get('x-skein-error'), 'NOT_FOUND')
  assert.ok(answer.headers.get('x-request-id'))
  const { error } = (await answer.json()) as { error: Record<string, string> }
  assert.deepEqual([error['code'], error['reason'], error['message']], ['NOT_FOUND', 'no_route', 'no route for GET /b'])
  assert.match(error['hint']!, /skein explain/)
  const { status, reason, path } = await line()
  assert.deepEqual([status, reason, path], [404, 'no_route', '/b'])
  assert.match(metrics.toText(), /skein_gateway_requests_total\{route="none",code="404"\} 1/)
})

test('no instance is 503 with Retry-After; nobody listening is 503 and shows instances, never addresses', async (t) => {
  const dead = await deadPort()
  const { url, line } = await workbench(t, {
    instances: [instance(dead, { id: 'users-1' })],
    routes: [
      { path: '/users', to: 'users', attempts: 2 },
      { path: '/none', to: 'none' },
    ],
  })
  const none = await fetch(`${url}/none`)
  assert.deepEqual([none.status, none.headers.get('retry-after')], [503, '1'])
  const text = await none.text()
  assert.match(text, /"code":"NO_INSTANCES".*"service":"none"/)
  const refused = await fetch(`${url}/users`)
  assert.deepEqual([refused.status, refused.headers.get('x-skein-error')], [503, 'UNREACHABLE'])
  const body = await refused.text()
  assert.match(body, /"instance":"users-1"/)
  assert.ok(!body.includes('127.0.0.1') && !body.includes(String(dead)), body)
  assert.equal((await line(2)).instance, 'users-1')
})

test('an upstream that breaks off before its head is 502, one that is too slow 504', async (t) => {
  const broken = await tcpUpstream(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const silent = await tcpUpstream(t, (socket) => socket.resume())
  const { url } = await workbench(t, {
    instances: [instance(broken.port, { service: 'broken' }), instance(silent.port, { service: 'silent' })],
    routes: [
      { path: '/broken', to: 'broken', attempts: 1 },
      { path: '/silent', to: 'silent', timeoutMs: 100 },
    ],
  })
  const failed = await fetch(`${url}/broken`)
  assert.deepEqual([failed.status, failed.headers.get('x-skein-error')], [502, 'UPSTREAM_FAILED'])
  assert.doesNotMatch(await failed.text(), /127\.0\.0\.1|ECONN|at /)
  const late = await fetch(`${url}/silent`)
  assert.deepEqual([late.status, late.headers.get('x-skein-error')], [504, 'DEADLINE_EXCEEDED'])
})

for (const [what, bytes] of [
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a control byte in a header', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok'],
  ['a status out of range', 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(100)}`],
] as const) {
  test(`an upstream that answers ${what} is 502`, async (t) => {
    const { port } = await tcpUpstream(t, (socket) => socket.once('data', () => socket.write(bytes)))
    const { url } = await workbench(t, { instances: [instance(port)], routes: [{ to: 'users', attempts: 1 }] })
    assert.equal((await fetch(url)).status, 502)
  })
}

test('an upstream that sends 1xx without end is given up when the time is up', async (t) => {
  const { port } = await tcpUpstream(t, (socket) => {
    const flood = () => {
      while (!socket.destroyed && socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)));
    }
    socket.on('drain', flood).once('data', flood)
  })
  const { url, metrics } = await workbench(t, {
    instances: [instance(port)],
    routes: [{ to: 'users', timeoutMs: 300 }],
  })
  const answer = await fetch(url)
  assert.ok([502, 504].includes(answer.status), String(answer.status))
  assert.match(metrics.toText(), /skein_client_in_flight_requests\{[^}]*\} 0/)
})

test('one of two instances is dead: no request fails, bodies included', async (t) => {
  const { port } = await httpUpstream(t, mirror)
  const { url, lines, line } = await workbench(t, { instances: [instance(port), instance(await deadPort())] })
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(url, { method: 'POST', body: `body ${i}` })
    assert.equal(((await answer.json()) as Mirrored).body, `body ${i}`)
  }
  await line(20)
  assert.ok(lines.some(({ attempts }) => (attempts as unknown[]).length === 2))
})

test('Expect: 100-continue is answered where the body is wanted, and only there', async (t) => {
  const { url, gateway } = await mirrored(t, {
    routes: [
      { path: '/x', to: 'users' },
      { path: '/small', to: 'users', maxBodyBytes: 1 },
    ],
  })
  const asking = httpRequest(`${url}/x`, { method: 'POST', headers: { expect: '100-continue', 'content-length': '3' } })
  asking.flushHeaders()
  await once(asking, 'continue')
  asking.end('abc')
  const [answer] = await once(asking, 'response')
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  assert.equal((JSON.parse(text) as Mirrored).body, 'abc')
  const head = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`
  assert.equal((await rawRequest(gateway.port, head('/small'))).status, 413)
  assert.equal((await rawRequest(gateway.port, head('/none'))).status, 404)
})

test('metrics: requests by route and status, durations, and nothing left in flight', async (t) => {
  const { url, metrics, line } = await mirrored(t, { routes: [{ name: 'all', to: 'users' }] })
  await (await fetch(url)).text()
  await (await fetch(url)).text()
  await line(2)
  await turn()
  const text = metrics.toText()
  assert.match(text, /skein_gateway_requests_total\{route="all",code="200"\} 2/)
  assert.match(text, /skein_gateway_request_duration_seconds_count\{route="all"\} 2/)
  assert.match(text, /skein_gateway_in_flight_requests 0/)
})

test('reload: what is under way keeps its route, what comes next takes the new one, on the same connection', async (t) => {
  const arrived: import('node:http').ServerResponse[] = []
  const arrival = Promise.withResolvers<void>()
  const slow = await httpUpstream(t, (_, response) => {
    arrived.push(response)
    arrival.resolve()
  })
  const quick = await httpUpstream(t, (_, response) => response.end('new'))
  const { url, gateway } = await workbench(t, {
    instances: [instance(slow.port, { service: 'old' }), instance(quick.port, { service: 'new' })],
    routes: [{ to: 'old' }],
  })
  const first = fetch(url)
  await arrival.promise
  gateway.reload({ port: 0, routes: [{ to: 'new' }] })
  assert.equal(await (await fetch(url)).text(), 'new')
  arrived[0]!.end('old')
  assert.equal(await (await first).text(), 'old')
})

test('reload: a wrong configuration or another port is refused and the old one stays', async (t) => {
  const { url, gateway } = await mirrored(t)
  assert.throws(() => gateway.reload({ routes: [{ to: '', path: 'x' }], port: 0 }), ConfigError)
  assert.throws(() => gateway.reload({ routes: [{ to: 'a' }], port: 1 }), /gateway: port: cannot change from \d+ to 1/)
  assert.throws(
    () => gateway.reload({ routes: [{ to: 'a' }], port: 0, host: '0.0.0.0' }),
    /gateway: host: cannot change/,
  )
  gateway.reload({ routes: [{ to: 'users', name: 'again' }], port: gateway.port })
  assert.equal((await fetch(url)).status, 200)
})

test('reload under load loses nothing', async (t) => {
  const { url, gateway } = await mirrored(t)
  const results: number[] = []
  const worker = async () => {
    for (let i = 0; i < 50; i++) {
      const answer = await fetch(url)
      results.push(answer.status)
      const text = await answer.text()
      assert.equal(answer.status, 200, text)
    }
  }
  const workers = Promise.all(Array.from({ length: 8 }, worker))
  for (let i = 0; i < 50; i++) {
    gateway.reload({ port: 0, routes: [{ to: 'users', name: `n${i}`, path: i % 2 === 0 ? '/*' : '/' }] })
    await turn()
  }
  await workers
  assert.deepEqual(new Set(results), new Set([200]))
  assert.equal(results.length, 400)
})

test('where idle connections stay for a while, each may bring one more request', async (t) => {
  const { port } = await httpUpstream(t, mirror)
  const clock = new VirtualClock()
  const { gateway } = await workbench(t, { instances: [instance(port)], clock })
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })] as const
  const ask = async (agent: Agent) => {
    const [answer] = await once(get({ port: gateway.port, agent }), 'response')
    answer.resume()
    await once(answer, 'end')
    return [answer.statusCode, answer.headers.connection, answer.req.reusedSocket]
  }
  for (const agent of agents) assert.deepEqual(await ask(agent), [200, undefined, false])
  const idle = Object.values(agents[1].freeSockets)[0]![0]!
  const closing = gateway.close(1000)
  assert.deepEqual(await ask(agents[0]), [200, 'close', true])
  assert.equal(idle.readableEnded, false)
  clock.advance(1000)
  await Promise.all([closing, once(idle, 'close')])
  for (const agent of agents) agent.destroy()
})

test('close: what is under way is answered with Connection: close, what is idle is closed, nothing new is accepted', async (t) => {
  const arrival = Promise.withResolvers<import('node:http').ServerResponse>()
  const { port } = await httpUpstream(t, (request, response) => {
    if (request.url === '/slow') arrival.resolve(response)
    else response.end('ok')
  })
  const { url, gateway, adminUrl } = await workbench(t, { instances: [instance(port)], limits: { drainMs: 20_000 } })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const idle = connect(gateway.port, '127.0.0.1').resume()
  await once(idle, 'connect')
  const idleClosed = once(idle, 'close')
  const slow = once(get(`${url}/slow`, { agent }), 'response')
  const response = await arrival.promise
  const closing = gateway.close()
  assert.equal((await fetch(`${adminUrl}/health/ready`)).status, 503)
  await idleClosed
  await assert.rejects(fetch(url))
  response.end('late')
  const [answer] = await slow
  assert.equal(answer.headers.connection, 'close')
  answer.resume()
  await closing
  await gateway.close()
})

test('close: a large answer that is still being read arrives whole', async (t) => {
  const { port } = await httpUpstream(t, (_, response) => response.end(Buffer.alloc(8 * 1024 * 1024)))
  const { url, gateway } = await workbench(t, { instances: [instance(port)], limits: { drainMs: 10_000 } })
  const [answer] = await once(get(url), 'response')
  let length = 0
  let closing: Promise<void> | undefined
  for await (const chunk of answer) {
    length += chunk.length
    closing ??= gateway.close()
    await turn()
  }
  assert.equal(length, 8 * 1024 * 1024)
  await closing
})

test('close: what does not end in time is cut off', async (t) => {
  const { port } = await tcpUpstream(t, (socket) => socket.resume())
  const { url, gateway, line } = await workbench(t, { instances: [instance(port)], limits: { drainMs: 50 } })
  const asking = fetch(url).then(
    (answer) => answer.status,
    () => 'cut',
  )
  while (
    !(await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text()).includes('in_flight_requests 1')
  )
    await turn()
  await gateway.close()
  const outcome = await asking
  assert.equal(outcome, 503)
  assert.equal((await line()).reason, 'gateway_closing')
})

test('a port that is taken is an error, and nothing is left listening', async (t) => {
  const { gateway } = await mirrored(t)
  const caller = { close: async () => undefined } as never
  await assert.rejects(
    startGateway({ config: { port: gateway.port, routes: [{ to: 'users' }] }, caller }),
    /EADDRINUSE/,
  )
})
