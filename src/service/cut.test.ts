/** Callers that go at each byte of their request, or of their answer: nothing of them stays. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as z from 'zod'
import { op, service } from './define.ts'
import { type Started, start } from './harness.suite.ts'

/** Streams that are being read. */
let streams = 0

const app = service('app', {
  get: op({ route: 'GET /get' }, () => 'text'),
  post: op({ route: 'POST /post', in: z.object({ text: z.string() }) }, ({ text }) => text),
  // Heeds its signal, as it should.
  wait: op({ route: 'GET /wait' }, (_, { signal }) => once(signal, 'abort')),
  stream: op({ route: 'GET /stream' }, () => {
    streams++
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(Buffer.alloc(8192, 'x'))
    const cancel = () => void streams--
    return new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }))
  }),
})

const head = 'host: a\r\ncontent-type: application/json\r\n'
const REQUESTS = {
  'a GET': `GET /get HTTP/1.1\r\n${head}\r\n`,
  'a POST': `POST /post HTTP/1.1\r\n${head}content-length: 12\r\n\r\n{"text":"a"}`,
  'a POST in chunks': `POST /post HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\n5\r\n{"tex\r\n7\r\nt":"a"}\r\n0\r\n\r\n`,
  'a POST that asks first': `POST /post HTTP/1.1\r\n${head}expect: 100-continue\r\ncontent-length: 12\r\n\r\n{"text":"a"}`,
  'two at once': `GET /wait HTTP/1.1\r\n${head}\r\nGET /get HTTP/1.1\r\n${head}\r\n`,
  'a stream': `GET /stream HTTP/1.1\r\n${head}\r\n`,
}

for (const [what, request] of Object.entries(REQUESTS)) {
  for (const how of ['ends', 'resets'] as const) {
    test(`${what}, and its caller ${how} the connection at each byte`, async (t) => {
      const running = await start(app)
      t.after(() => running.close())
      for (let cut = 0; cut <= request.length; cut++) {
        const socket = connect(running.port, '127.0.0.1')
        socket.on('error', () => {}).resume()
        await once(socket, 'connect')
        socket.write(request.slice(0, cut))
        if (cut === request.length) await eventually(() => inFlight(running) > 0 || socket.bytesRead > 0)
        if (how === 'ends') socket.end()
        else socket.resetAndDestroy()
        await once(socket, 'close')
      }
      await eventually(() => inFlight(running) === 0 && streams === 0)
      assert.equal((await running.ask('GET /get')).status, 200)
    })
  }
}

function inFlight({ metrics }: Started): number {
  return Number(/^skein_server_in_flight_requests\{[^}]*\} (\d+)$/m.exec(metrics.toText())?.[1] ?? 0)
}

async function eventually(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate)
}
