/** Bodies in both directions: whole, bounded in memory, and never cut off without the client noticing. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, systemClock } from '../core/clock.ts'
import {
  type BenchOptions,
  httpUpstream,
  instance,
  rawAnswer,
  rawRequest,
  tcpUpstream,
  workbench,
} from './workbench.suite.ts'

const MB = 1024 * 1024

/** `size` bytes that differ from chunk to chunk, made as they are read. */
function bytes(size: number, onChunk?: () => void): Readable {
  let left = size
  return new Readable({
    highWaterMark: 64 * 1024,
    read() {
      onChunk?.()
      const length = Math.min(left, 64 * 1024)
      this.push(length === 0 ? null : Buffer.alloc(length, left % 251))
      left -= length
    },
  })
}

async function digest(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

async function behind(
  t: TestContext,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  options: BenchOptions = {},
) {
  const { port } = await httpUpstream(t, handler)
  return workbench(t, { instances: [instance(port)], ...options })
}

function answerOf(asking: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return once(asking, 'response').then(([answer]) => answer)
}

for (const framing of ['of known length', 'chunked'] as const) {
  test(`10 MB there and back, ${framing}, arrive as they were`, async (t) => {
    const { url } = await behind(t, (request, response) => {
      if (framing === 'of known length') response.setHeader('content-length', request.headers['content-length']!)
      assert.equal(request.headers['transfer-encoding'], framing === 'chunked' ? 'chunked' : undefined)
      request.pipe(response)
    })
    const headers = framing === 'chunked' ? {} : { 'content-length': 10 * MB }
    const asking = httpRequest(url, { method: 'POST', headers })
    const sent = pipeline(bytes(10 * MB), asking)
    const answer = await answerOf(asking)
    assert.equal(await digest(answer), await digest(bytes(10 * MB)))
    assert.equal(answer.headers['content-length'], framing === 'chunked' ? undefined : String(10 * MB))
    await sent
  })
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * The most that live buffers of this process held while `run` ran, over what they held before, in bytes. Looked at after
 * every 4 MB, with the garbage collected, so that the figure does not depend on when that happens by itself.
 */
async function growth(run: (sample: (length: number) => void) => Promise<void>): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  let [most, since] = [0, 0]
  await run((length) => {
    since += length
    if (since < 4 * MB) return
    since = 0
    collectGarbage()
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  })
  return most
}

test('100 MB to a reader that is slower than the upstream: buffers stay small', async (t) => {
  const { url } = await behind(t, (_, response) => void pipeline(bytes(100 * MB), response))
  let total = 0
  const most = await growth(async (sample) => {
    const answer = await answerOf(get(url))
    for await (const chunk of answer) {
      total += chunk.length
      sample(chunk.length)
      await turn()
    }
  })
  assert.equal(total, 100 * MB)
  t.diagnostic(`${(most / MB).toFixed(1)} MB`)
  assert.ok(most < 32 * MB, `${most}`)
})

test('100 MB to an upstream that is slower than the client: buffers stay small', async (t) => {
  let total = 0
  let sample = (_length: number) => {}
  const { url } = await behind(t, async (request, response) => {
    for await (const chunk of request) {
      total += chunk.length
      sample(chunk.length)
      await turn()
    }
    response.end('thanks')
  })
  const most = await growth(async (each) => {
    sample = each
    const asking = httpRequest(url, { method: 'POST' })
    await Promise.all([pipeline(bytes(100 * MB), asking), answerOf(asking).then((answer) => answer.resume())])
  })
  assert.equal(total, 100 * MB)
  t.diagnostic(`${(most / MB).toFixed(1)} MB`)
  assert.ok(most < 32 * MB, `${most}`)
})

test('an upstream that is not read stops sending', async (t) => {
  let made = 0
  const { gateway } = await behind(t, (_, response) => {
    const body = bytes(400 * MB, () => made++)
    body.on('error', () => undefined)
    body.pipe(response)
    response.on('close', () => body.destroy())
  })
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'readable')
  let last = -1
  while (made !== last) {
    last = made
    for (let i = 0; i < 2000; i++) await turn()
  }
  assert.ok(made * 64 * 1024 < 100 * MB, `${made} chunks`)
  socket.destroy()
})

test('bytes go on as they come: the first event is there before the second is written', async (t) => {
  const { url } = await behind(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    next = () => response.end('data: 2\n\n')
  })
  let next = () => {}
  const answer = await answerOf(get(url))
  const [first] = await once(answer, 'data')
  assert.equal(String(first), 'data: 1\n\n')
  next()
  const [second] = await once(answer, 'data')
  assert.equal(String(second), 'data: 2\n\n')
})

for (const [what, head, version] of [
  ['of known length', 'Content-Length: 100', '1.1'],
  ['chunked', 'Transfer-Encoding: chunked', '1.1'],
  ['chunked, to a client of HTTP/1.0', 'Transfer-Encoding: chunked', '1.0'],
] as const) {
  for (const end of ['resetAndDestroy', 'end'] as const) {
    test(`an upstream that breaks off its body (${what}, ${end}): the client's connection is reset`, async (t) => {
      let upstreamSocket: Socket | undefined
      const { port } = await tcpUpstream(t, (socket) => {
        upstreamSocket = socket
        socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nhello\r\n`))
      })
      const { gateway, line } = await workbench(t, { instances: [instance(port)] })
      const client = connect(gateway.port, '127.0.0.1')
      const answer = rawAnswer(client)
      client.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
      await once(client, 'data')
      upstreamSocket![end]()
      const { text, ended } = await answer
      assert.match(text, /hello/)
      assert.equal(ended, 'reset')
      const { status, code } = await line()
      assert.deepEqual([status, code], [200, 'UPSTREAM_FAILED'])
    })
  }
}

test('bytes behind an answer never reach the next request', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
  const { port } = await tcpUpstream(t, (socket) => {
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${poison}`))
  })
  const { url } = await workbench(t, { instances: [instance(port)], routes: [{ to: 'users', attempts: 1 }] })
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(url)
    assert.doesNotMatch(await answer.text(), /^poison/)
  }
})

test('a client that goes before the head: the call is cancelled', async (t) => {
  const arrival = Promise.withResolvers<IncomingMessage>()
  const { gateway, line } = await behind(t, (request) => arrival.resolve(request))
  const client = connect(gateway.port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const request = await arrival.promise
  client.destroy()
  await once(request.socket, 'close')
  const { status, reason } = await line()
  assert.deepEqual([status, reason], [499, 'client_gone'])
})

test('a client that goes in the middle of the answer: the upstream is told', async (t) => {
  const arrival = Promise.withResolvers<ServerResponse>()
  const { gateway, line } = await behind(t, (_, response) => {
    response.write('a')
    arrival.resolve(response)
  })
  const client = connect(gateway.port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const response = await arrival.promise
  await once(client, 'data')
  client.destroy()
  await once(response, 'close')
  assert.equal((await line()).reason, 'client_gone')
})

test('a client that goes in the middle of its body: the upstream never sees a whole request', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<string>()
  const { gateway } = await behind(t, async (request) => {
    arrived.resolve()
    try {
      for await (const _ of request);
      ended.resolve('whole')
    } catch {
      ended.resolve('broken')
    }
  })
  const client = connect(gateway.port, '127.0.0.1')
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
  await arrived.promise
  client.resetAndDestroy()
  assert.equal(await ended.promise, 'broken')
})

test('too long by Content-Length: 413, the upstream is not asked', async (t) => {
  const { url, line } = await behind(t, () => assert.fail('asked'), { routes: [{ to: 'users', maxBodyBytes: 10 }] })
  const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(11) })
  assert.equal(answer.status, 413)
  assert.match(await answer.text(), /"code":"BODY_TOO_LARGE".*longer than 10 bytes/)
  assert.equal((await line()).reason, 'body_too_large')
})

test('too long by counting: 413, and the upstream never sees a whole request', async (t) => {
  let whole = 0
  const { url } = await behind(
    t,
    (request, response) => {
      request.on('error', () => undefined)
      request.on('end', () => whole++)
      request.pipe(response)
    },
    { routes: [{ to: 'users', maxBodyBytes: MB }] },
  )
  const asking = httpRequest(url, { method: 'POST' })
  asking.on('error', () => undefined)
  const answer = answerOf(asking)
  bytes(2 * MB).pipe(asking)
  const { statusCode } = await answer
  // The mirror may have begun to answer: then the connection is cut, as with any answer that cannot be completed.
  assert.ok(statusCode === 413 || statusCode === 200, String(statusCode))
  if (statusCode === 200) await assert.rejects(digest(await answer))
  assert.equal(whole, 0)
})

test('too long by counting, before the upstream has answered: 413 with Connection: close', async (t) => {
  const { url } = await behind(t, (request) => request.on('error', () => undefined).resume(), {
    routes: [{ to: 'users', maxBodyBytes: MB }],
  })
  const asking = httpRequest(url, { method: 'POST' })
  const answer = answerOf(asking)
  bytes(2 * MB - 1).pipe(asking)
  const { statusCode, headers } = await answer
  assert.deepEqual([statusCode, headers.connection], [413, 'close'])
  assert.match(await (await answer).toArray().then(String), /BODY_TOO_LARGE/)
})

test('too long, chunked, and all there before it is asked for: 413 as well', async (t) => {
  const steps = [async () => {}]
  const { url } = await behind(t, () => assert.fail('asked'), { routes: [{ to: 'users', maxBodyBytes: 10, steps }] })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n',
  )
  assert.match((await socket.toArray()).join(''), /^HTTP\/1\.1 413 /)
})

test('exactly the limit passes, and a limit of 0 lets no body in', async (t) => {
  const { url } = await behind(t, (request, response) => void request.pipe(response), {
    routes: [
      { path: '/ten', to: 'users', maxBodyBytes: 10 },
      { path: '/none', to: 'users', maxBodyBytes: 0 },
    ],
  })
  assert.equal(await (await fetch(`${url}/ten`, { method: 'POST', body: 'x'.repeat(10) })).text(), 'x'.repeat(10))
  assert.equal((await fetch(`${url}/none`, { method: 'POST', body: 'x' })).status, 413)
  assert.equal((await fetch(`${url}/none`, { method: 'POST' })).status, 200)
})

test('an upstream that answers without reading: the client, still sending, gets the answer', async (t) => {
  const refuse = (_: IncomingMessage, response: ServerResponse) => response.writeHead(403).end('no')
  const { gateway } = await behind(t, refuse, { limits: { lingerMs: 1000 } })
  const answer = await rawRequest(
    gateway.port,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${MB}\r\n\r\n`,
    Buffer.alloc(MB / 2),
  )
  assert.equal(answer.status, 403)
  assert.match(answer.text, /^connection: close/im)
  assert.match(answer.text, /no/)
})

test('a body that stops coming is 408', async (t) => {
  const { gateway } = await behind(t, () => undefined, { limits: { bodyIdleMs: 50, lingerMs: 10 } })
  for (const [length, body] of [
    ['Content-Length: 5', 'ab'],
    ['Content-Length: 99999999', 'ab'],
    ['Transfer-Encoding: chunked', '2\r\nab\r\n'],
  ] as const) {
    const answer = await rawRequest(gateway.port, `POST / HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n${body}`)
    assert.equal(answer.status, 408, length)
    assert.match(answer.text, /"reason":"body_idle"/)
  }
})

test('a small body that comes a byte at a time is 408 when its time is up', async (t) => {
  const { gateway } = await behind(t, () => undefined, { limits: { bodyIdleMs: 200, lingerMs: 10 } })
  const client = connect({ port: gateway.port, host: '127.0.0.1', noDelay: true })
  const answer = rawAnswer(client)
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n')
  const drip = setInterval(() => client.write('x'), 10)
  assert.equal((await answer).status, 408)
  clearInterval(drip)
})

test('a head that does not come is 408, also where nothing at all comes', async (t) => {
  const { gateway } = await behind(t, () => undefined, { limits: { headMs: 50 } })
  for (const bytesSoFar of ['', 'GET / HTTP/1.1\r\nHos']) {
    const answer = await rawRequest(gateway.port, bytesSoFar)
    assert.equal(answer.status, 408)
    assert.match(answer.text, /REQUEST_TIMEOUT/)
  }
})

test('a client that stops reading is cut off, and the upstream with it', async (t) => {
  const closed = Promise.withResolvers<void>()
  const { gateway, line } = await behind(
    t,
    (_, response) => {
      const body = bytes(400 * MB)
      body.pipe(response)
      response.on('close', () => {
        body.destroy()
        closed.resolve()
      })
    },
    { limits: { bodyIdleMs: 100 } },
  )
  const client = connect(gateway.port, '127.0.0.1')
  client.on('error', () => undefined)
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await closed.promise
  assert.equal((await line()).reason, 'client_stalled')
  client.destroy()
})

test('an idle connection is closed after its time', async (t) => {
  const { gateway } = await behind(t, (_, response) => response.end('ok'), { limits: { keepAliveMs: 50 } })
  const idle = connect(gateway.port, '127.0.0.1')
  idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let text = ''
  for await (const chunk of idle) text += String(chunk)
  assert.match(text, /200 OK/)
})

test('a connection that was used too often is closed after its answer', async (t) => {
  const { gateway } = await behind(t, (_, response) => response.end('ok'), { limits: { requestsPerConnection: 2 } })
  const busy = connect(gateway.port, '127.0.0.1')
  busy.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(busy, 'data')
  busy.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [second] = await once(busy, 'data')
  assert.match(String(second), /^connection: close/im)
  busy.destroy()
})

test('no timer is left behind, however a request ends', async (t) => {
  const running = new Set<object>()
  const clock: Clock = {
    ...systemClock,
    after(ms, run, keepAlive) {
      const key = {}
      running.add(key)
      const done = () => {
        running.delete(key)
        run()
      }
      const timer = systemClock.after(ms, done, keepAlive)
      return {
        cancel() {
          running.delete(key)
          timer.cancel()
        },
      }
    },
  }
  const { port } = await httpUpstream(t, (request, response) => {
    if (request.url === '/hang') request.socket.resetAndDestroy()
    else request.pipe(response)
  })
  const bench = await workbench(t, {
    instances: [instance(port)],
    routes: [
      { to: 'users', attempts: 1, maxBodyBytes: MB },
      { path: '/none', to: 'none' },
    ],
    limits: { lingerMs: 10 },
    clock,
  })
  const upload = (path: string, size: number) =>
    fetch(`${bench.url}${path}`, {
      method: 'POST',
      body: Readable.toWeb(bytes(size)) as ReadableStream,
      duplex: 'half',
    })
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined)
  for (const path of ['/', '/none', '/hang', '/a/../b']) {
    for (const size of [10, MB - 1, 2 * MB]) await upload(path, size)
  }
  const client = connect(bench.gateway.port, '127.0.0.1')
  client.write(`GET /x HTTP/1.1\r\nHost: a\r\n\r\nPOST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc`)
  await once(client, 'data')
  client.resetAndDestroy()
  await bench.gateway.close()
  assert.equal(running.size, 0)
})

test('a client that pipelines and goes: the first request is cancelled, the second never begins', async (t) => {
  const arrival = Promise.withResolvers<ServerResponse>()
  const { gateway, line, lines, metrics } = await behind(t, (_, response) => arrival.resolve(response))
  const client = connect(gateway.port, '127.0.0.1')
  client.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\nPOST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  await arrival.promise
  client.resetAndDestroy()
  const { path, status } = await line(1)
  assert.deepEqual([path, status], ['/x', 499])
  await turn()
  assert.equal(lines.length, 1)
  assert.match(metrics.toText(), /skein_gateway_in_flight_requests 0/)
})
