/** Instances that speak HTTP/2 wrongly: frames as bytes, each with what must become of the request. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { FLAG, frame, type H2Fields, headerBlock, TYPE } from '../../../test/hostile/h2/frames.ts'
import type { RawHeaders } from '../../core/headers.ts'
import { type Transport, TransportError } from '../transport.ts'
import { h2Transport } from './h2.ts'

const {
  headers: HEADERS,
  reset: RST_STREAM,
  settings: SETTINGS,
  goaway: GOAWAY,
  windowUpdate: WINDOW_UPDATE,
  continuation: CONTINUATION,
} = TYPE
const { endStream: END_STREAM, endHeaders: END_HEADERS } = FLAG

const ok: H2Fields = [[':status', '200']]
const head = (pairs: H2Fields, flags: number = END_HEADERS) => frame(HEADERS, flags, 1, headerBlock(pairs))
const data = (text: string, flags = 0) => frame(0, flags, 1, Buffer.from(text))
const numbers = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}
const many = (count: number, bytes: Buffer) => Buffer.concat(Array.from({ length: count }, () => bytes))

/** Answers the first request with `bytes`, behind SETTINGS. */
async function upstream(t: TestContext, bytes: Buffer, ends: boolean) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.write(frame(SETTINGS, 0, 0))
    let seen = Buffer.alloc(0)
    let answered = false
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      if (answered || !hasRequest(seen)) return
      answered = true
      socket.write(bytes)
      if (ends) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = h2Transport()
  t.after(async () => {
    await transport.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { transport, port: (server.address() as AddressInfo).port }
}

const PREFACE = 24

function hasRequest(bytes: Buffer): boolean {
  for (let at = PREFACE; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === HEADERS && bytes.readUInt32BE(at + 5) === 1) return true
  return false
}

function ask(transport: Transport, port: number, method: string) {
  return new Promise<{ status?: number; headers: RawHeaders; text: string; whole: boolean; error: Error | undefined }>(
    (resolve) => {
      const outcome = { headers: [] as RawHeaders, text: '', whole: false, error: undefined as Error | undefined }
      transport.send(
        { address: '127.0.0.1', port },
        { method, path: '/', headers: [], bodyIdleMs: 60_000, protocol: 'h2c' },
        {
          head: (status, headers, body) => {
            Object.assign(outcome, { status, headers })
            body.read({
              chunk: (bytes) => {
                outcome.text += String(bytes)
              },
              end: () => {
                outcome.whole = true
              },
              fail: () => {},
            })
          },
          end(error) {
            outcome.error = error
            setImmediate(() => resolve(outcome))
          },
        },
      )
    },
  )
}

/** `whole`: what must come of it is the answer; else the stage at which it must fail. */
const CASES: readonly [
  what: string,
  bytes: Buffer,
  expected: 'whole' | 'request' | 'response' | 'unprocessed',
  ends?: boolean,
][] = [
  ['an answer, as it should be', Buffer.concat([head(ok), data('fine', END_STREAM)]), 'whole'],
  [
    'an answer behind interim ones',
    Buffer.concat([many(3, head([[':status', '103']])), head(ok), data('fine', END_STREAM)]),
    'whole',
  ],
  [
    'frames of a kind that nobody knows',
    Buffer.concat([frame(77, 3, 1, Buffer.from('x')), head(ok), data('fine', END_STREAM)]),
    'whole',
  ],
  ['interim answers without end', many(1_000, head([[':status', '103']])), 'request'],
  [
    'a field of a connection',
    Buffer.concat([head([...ok, ['connection', 'close']]), data('x', END_STREAM)]),
    'request',
  ],
  [
    'Transfer-Encoding',
    Buffer.concat([head([...ok, ['transfer-encoding', 'chunked']]), data('x', END_STREAM)]),
    'request',
  ],
  [
    'a line end in a value, which is left out',
    Buffer.concat([head([...ok, ['x', 'a\r\nb: c']]), data('fine', END_STREAM)]),
    'whole',
  ],
  [
    'a NUL in a value, which is left out',
    Buffer.concat([head([...ok, ['x', 'a\0b']]), data('fine', END_STREAM)]),
    'whole',
  ],
  [
    'a name with a blank, which is left out',
    Buffer.concat([head([...ok, ['x y', '1']]), data('fine', END_STREAM)]),
    'whole',
  ],
  ['a name in upper case', Buffer.concat([head([...ok, ['X-Y', '1']]), data('x', END_STREAM)]), 'request'],
  ['no status', Buffer.concat([head([['x', '1']]), data('x', END_STREAM)]), 'request'],
  ['two statuses', Buffer.concat([head([...ok, [':status', '201']]), data('x', END_STREAM)]), 'request'],
  ['a status that is no number', Buffer.concat([head([[':status', 'abc']]), data('x', END_STREAM)]), 'request'],
  ['a status of 101', Buffer.concat([head([[':status', '101']]), data('x', END_STREAM)]), 'request'],
  ['a body without a head', data('x', END_STREAM), 'request'],
  [
    'a body longer than its length',
    Buffer.concat([head([...ok, ['content-length', '2']]), data('long', END_STREAM)]),
    'response',
  ],
  [
    'a body shorter than its length',
    Buffer.concat([head([...ok, ['content-length', '9']]), data('short', END_STREAM)]),
    'response',
  ],
  [
    'two lengths',
    Buffer.concat([head([...ok, ['content-length', '2'], ['content-length', '3']]), data('xx', END_STREAM)]),
    'request',
  ],
  ['a body that ends with its connection', Buffer.concat([head(ok), data('half')]), 'response', true],
  ['a head that ends with its connection', head(ok), 'response', true],
  ['half a frame', Buffer.concat([head(ok), data('half').subarray(0, 11)]), 'response', true],
  [
    'a reset behind half a body',
    Buffer.concat([head(ok), data('half'), frame(RST_STREAM, 0, 1, numbers(2))]),
    'response',
  ],
  [
    'a CANCEL behind half a body',
    Buffer.concat([head(ok), data('half'), frame(RST_STREAM, 0, 1, numbers(8))]),
    'response',
  ],
  [
    'NO_ERROR behind half a body',
    Buffer.concat([head(ok), data('half'), frame(RST_STREAM, 0, 1, numbers(0))]),
    'response',
  ],
  [
    'NO_ERROR behind a whole body',
    Buffer.concat([head(ok), data('fine', END_STREAM), frame(RST_STREAM, 0, 1, numbers(0))]),
    'whole',
  ],
  ['REFUSED_STREAM', frame(RST_STREAM, 0, 1, numbers(7)), 'unprocessed'],
  ['GOAWAY that leaves it out', frame(GOAWAY, 0, 0, numbers(0, 0)), 'unprocessed'],
  ['GOAWAY that leaves it out, with an error', frame(GOAWAY, 0, 0, numbers(0, 11)), 'unprocessed'],
  ['GOAWAY with an error', frame(GOAWAY, 0, 0, numbers(1, 2)), 'request'],
  ['a frame that is too large', Buffer.concat([head(ok), data('x'.repeat(20_000))]), 'response'],
  ['a window beyond all bounds', frame(WINDOW_UPDATE, 0, 0, numbers(0x7fffffff)), 'request'],
  [
    'a head without end',
    Buffer.concat([head(ok, 0), many(100, frame(CONTINUATION, 0, 1, headerBlock([['x', 'y'.repeat(1_000)]])))]),
    'request',
  ],
  [
    'a head with too many fields',
    head([...ok, ...Array.from({ length: 3_000 }, (_, i) => [`x${i}`, ''] as const)].slice(0, 1_500)),
    'request',
  ],
  ['HPACK that is none', frame(HEADERS, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), 'request'],
  ['HTTP/1.1 behind SETTINGS', Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), 'request'],
  ['a stream of its own', Buffer.concat([frame(HEADERS, END_HEADERS, 2, headerBlock(ok)), data('x')]), 'request'],
  ['SETTINGS that are none', frame(SETTINGS, 0, 0, Buffer.from('xyz')), 'request'],
]

for (const [what, bytes, expected, ends = false] of CASES) {
  test(`${what}: ${expected}`, async (t) => {
    const { transport, port } = await upstream(t, bytes, ends)
    const { status, headers, text, whole, error } = await ask(transport, port, 'GET')
    if (expected === 'whole') return assert.deepEqual([status, headers, text, error], [200, [], 'fine', undefined])
    assert.equal(whole, false)
    assert.ok(error instanceof TransportError, String(error))
    assert.equal(error.stage, expected, String(error))
  })
}
