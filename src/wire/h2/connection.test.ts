/** What a client may say and what it may not (RFC 9113), told by frames. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ServerExchange } from '../contract.ts'
import { readAll } from '../incoming.ts'
import { CODE, FLAG, FRAME } from './codes.ts'
import {
  block,
  data,
  type Fields,
  frame,
  GET,
  headers,
  POST,
  PREFACE,
  quiet,
  reset,
  settings,
  silent,
  talk,
  windowUpdate,
  word,
} from './talk.suite.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)
const NO_BYTES = Buffer.alloc(0)

/** Answers with the request's method, target and body. */
const echo = (exchange: ServerExchange) => {
  const { head, body } = exchange
  const answer = (bytes: Uint8Array) =>
    exchange.send(200, [], `${head.method} ${head.target} ${Buffer.from(bytes).toString('latin1')}`)
  if (body === undefined) return answer(NO_BYTES)
  readAll(body).then(answer, () => {})
}
const without = (name: string): Fields => GET.filter((one) => one[0] !== name)
const change = (name: string, value: string): Fields => GET.map((one) => (one[0] === name ? [name, value] : one))
const padded = (type: number, flags: number, stream: number, padding: number, payload: Buffer) =>
  frame(type, flags | FLAG.padded, stream, Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]))

test('a request and its answer', async (t) => {
  const { say, heard, frames } = await talk(t, echo)
  assert.deepEqual(heard(0), ['settings', 'window 983041', 'settings ack'])
  await say(headers(1, GET))
  assert.deepEqual(heard(1), ['200', 'data 7 end'])
  assert.equal(frames.at(-1)?.payload.toString(), 'GET /x ')
})

test('requests side by side are answered as they come, with one write', async (t) => {
  const { say, heard, socket } = await talk(t, echo)
  let reads = 0
  socket.on('data', () => reads++)
  await say(...[1, 3, 5, 7].map((id) => headers(id, GET)))
  for (const id of [1, 3, 5, 7]) assert.deepEqual(heard(id), ['200', 'data 7 end'])
  assert.equal(reads, 1)
})

const LAWFUL: Readonly<Record<string, { said: Buffer[]; text: string }>> = {
  'a body': { said: [headers(1, POST, 0), data(1, 'ab'), data(1, 'c', FLAG.endStream)], text: 'POST /x abc' },
  'a body of the length that was said': {
    said: [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'abc', FLAG.endStream)],
    text: 'POST /x abc',
  },
  'an empty body, by its end': { said: [headers(1, POST, 0), data(1, '', FLAG.endStream)], text: 'POST /x ' },
  'an empty body that was said to be so': {
    said: [headers(1, [...POST, ['content-length', '0']], 0), data(1, '', FLAG.endStream)],
    text: 'POST /x ',
  },
  trailers: { said: [headers(1, POST, 0), data(1, 'a'), headers(1, [['x-t', '1']])], text: 'POST /x a' },
  padding: {
    said: [
      padded(FRAME.headers, FLAG.endHeaders, 1, 3, block(POST)),
      padded(FRAME.data, FLAG.endStream, 1, 5, Buffer.from('a')),
    ],
    text: 'POST /x a',
  },
  'a priority': {
    said: [
      frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 0, 9])),
      frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 3, 9]), block(GET)])),
    ],
    text: 'GET /x ',
  },
  'a head in three frames': {
    said: [
      frame(FRAME.headers, FLAG.endStream, 1, block(GET).subarray(0, 5)),
      frame(FRAME.continuation, 0, 1, block(GET).subarray(5, 6)),
      frame(FRAME.continuation, FLAG.endHeaders, 1, block(GET).subarray(6)),
    ],
    text: 'GET /x ',
  },
  'frames of unknown types': { said: [frame(99, 255, 0, Buffer.from('a')), headers(1, GET)], text: 'GET /x ' },
  'a GOAWAY of the client': { said: [frame(FRAME.goaway, 0, 0, Buffer.alloc(8)), headers(1, GET)], text: 'GET /x ' },
  'unknown settings': { said: [settings([99, 1], [8, 1]), headers(1, GET)], text: 'GET /x ' },
  '*, of OPTIONS': {
    said: [headers(1, [[':method', 'OPTIONS'], ...change(':path', '*').slice(1)])],
    text: 'OPTIONS * ',
  },
}
describe('is served:', () => {
  for (const [what, { said, text }] of Object.entries(LAWFUL)) {
    test(what, async (t) => {
      const { say, heard, frames } = await talk(t, echo)
      await say(...said)
      assert.deepEqual(heard(1), ['200', `data ${text.length} end`])
      assert.equal(frames.at(-1)?.payload.toString(), text)
    })
  }
})

const REFUSED: Readonly<Record<string, { fields: Fields; reason: string }>> = {
  'no :method': { fields: without(':method'), reason: 'method' },
  'no :scheme': { fields: without(':scheme'), reason: 'scheme' },
  'no :path': { fields: without(':path'), reason: 'target_form' },
  'an empty :path': { fields: change(':path', ''), reason: 'target_form' },
  'an absolute :path': { fields: change(':path', 'http://b/x'), reason: 'target_form' },
  '* of GET': { fields: change(':path', '*'), reason: 'target_form' },
  'a blank in :path': { fields: change(':path', '/a b'), reason: 'target_characters' },
  'a blank in :method': { fields: change(':method', 'G ET'), reason: 'method' },
  'a :scheme that is none': { fields: change(':scheme', 'ht tp'), reason: 'scheme' },
  'two :paths': { fields: [...GET, [':path', '/y']], reason: 'pseudo_header' },
  ':status': { fields: [...GET, [':status', '200']], reason: 'pseudo_header' },
  'an unknown pseudo-header': { fields: [...GET, [':constructor', '1']], reason: 'pseudo_header' },
  'a pseudo-header behind a field': {
    fields: [...without(':path'), ['a', 'b'], [':path', '/']],
    reason: 'pseudo_header',
  },
  ':protocol of GET': { fields: [...GET, [':protocol', 'websocket']], reason: 'pseudo_header' },
  'another Host': { fields: [...GET, ['host', 'b']], reason: 'host_mismatch' },
  'two Hosts': { fields: [...GET, ['host', 'a'], ['host', 'a']], reason: 'repeated_header' },
  'a name in capitals': { fields: [...GET, ['X-A', '1']], reason: 'header_name' },
  'a line end in a value': { fields: [...GET, ['x-a', 'a\nb']], reason: 'control_character' },
  'a blank behind a value': { fields: [...GET, ['x-a', 'a ']], reason: 'header_value' },
  Connection: { fields: [...GET, ['connection', 'close']], reason: 'connection_field' },
  'TE that is more than trailers': { fields: [...GET, ['te', 'gzip']], reason: 'connection_field' },
  'a length, and no body': { fields: [...GET, ['content-length', '1']], reason: 'content_length' },
  'two lengths': { fields: [...GET, ['content-length', '0'], ['content-length', '1']], reason: 'two_lengths' },
  'a length that is none': { fields: [...GET, ['content-length', '1, 1']], reason: 'content_length' },
  'a head that is too large': { fields: [...GET, ['x-a', 'a'.repeat(16_350)]], reason: 'head_too_large' },
  'too many fields': {
    fields: [...GET, ...Array.from({ length: 120 }, () => ['a', 'b'] as const)],
    reason: 'too_many_headers',
  },
}
describe('is refused with an answer:', () => {
  for (const [what, { fields, reason }] of Object.entries(REFUSED)) {
    test(what, async (t) => {
      const { say, heard, refused } = await talk(t, echo)
      const bytes = block(fields)
      const first = frame(FRAME.headers, FLAG.endStream, 1, bytes.subarray(0, 16_384))
      await say(first, frame(FRAME.continuation, FLAG.endHeaders, 1, bytes.subarray(16_384)), headers(3, GET))
      assert.deepEqual(refused, [reason])
      assert.match(heard(1)[0]!, /^4/)
      assert.deepEqual(heard(3), ['200', 'data 7 end'])
    })
  }
})

/** Mistakes that cost the stream. */
const STREAM_ERRORS: Readonly<Record<string, { said: Buffer[]; code: number }>> = {
  'less than the length that was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'a', FLAG.endStream)],
    code: CODE.protocol,
  },
  'more than the length that was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'abc')],
    code: CODE.protocol,
  },
  'a body that was said to be empty': {
    said: [headers(1, [...POST, ['content-length', '0']], 0), data(1, 'a', FLAG.endStream)],
    code: CODE.protocol,
  },
  'trailers that end nothing': { said: [headers(1, POST, 0), headers(1, [['x-t', '1']], 0)], code: CODE.protocol },
  'trailers with a pseudo-header': { said: [headers(1, POST, 0), headers(1, [[':path', '/']])], code: CODE.protocol },
  'trailers before the body is as long as was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), headers(1, [['x-t', '1']])],
    code: CODE.protocol,
  },
  'a window opened by nothing': { said: [headers(1, POST, 0), windowUpdate(1, 0)], code: CODE.protocol },
  'a window that is too large': { said: [headers(1, POST, 0), windowUpdate(1, 2 ** 31 - 1)], code: CODE.flowControl },
  'more than its window': {
    said: [headers(1, POST, 0), ...Array.from({ length: 5 }, () => data(1, Buffer.alloc(16_000)))],
    code: CODE.flowControl,
  },
  'a stream that depends on itself': {
    said: [frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 9]), block(GET)]))],
    code: CODE.protocol,
  },
  'PRIORITY of a stream on itself': {
    said: [headers(1, POST, 0), frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 1, 9]))],
    code: CODE.protocol,
  },
}
describe('costs the stream:', () => {
  for (const [what, { said, code }] of Object.entries(STREAM_ERRORS)) {
    test(what, async (t) => {
      // Nobody takes anything, so that nothing is given back to the windows.
      const { say, heard } = await talk(t, ({ body }) => body?.pause())
      await say(...said)
      assert.deepEqual(heard(1), [`reset ${code}`])
      await say(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
      assert.equal(heard(0).at(-1), 'ping 1')
    })
  }
})

/** Mistakes that cost the connection. */
const CONNECTION_ERRORS: Readonly<Record<string, { said: Buffer[]; code: number }>> = {
  'DATA of no stream': { said: [data(0, 'a')], code: CODE.protocol },
  'HEADERS of no stream': { said: [headers(0, GET)], code: CODE.protocol },
  'a stream of an even number': { said: [headers(2, GET)], code: CODE.protocol },
  'a stream with a lower number than one before': {
    said: [headers(3, GET), headers(1, GET)],
    code: CODE.streamClosed,
  },
  'DATA of a stream that has not begun': { said: [data(1, 'a')], code: CODE.protocol },
  'RST_STREAM of one that has not begun': { said: [reset(1)], code: CODE.protocol },
  'WINDOW_UPDATE of one that has not begun': { said: [windowUpdate(1, 1)], code: CODE.protocol },
  'DATA of a stream that has ended': { said: [headers(1, GET), data(1, 'a')], code: CODE.streamClosed },
  'HEADERS of a stream that has ended': { said: [headers(1, GET), headers(1, GET)], code: CODE.streamClosed },
  'DATA behind a reset': { said: [headers(1, POST, 0), reset(1), data(1, 'a')], code: CODE.streamClosed },
  'a frame that is too large': { said: [frame(FRAME.data, 0, 1, Buffer.alloc(16_385))], code: CODE.frameSize },
  'a head that is interrupted': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), headers(3, GET)],
    code: CODE.protocol,
  },
  'a head that is interrupted by an unknown frame': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(99, 0, 0)],
    code: CODE.protocol,
  },
  'a head that another stream continues': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(FRAME.continuation, FLAG.endHeaders, 3)],
    code: CODE.protocol,
  },
  'CONTINUATION of nothing': { said: [frame(FRAME.continuation, FLAG.endHeaders, 1)], code: CODE.protocol },
  'a head that does not end': {
    said: [
      frame(FRAME.headers, 0, 1, block(GET)),
      ...Array.from({ length: 10 }, () => frame(FRAME.continuation, 0, 1)),
    ],
    code: CODE.enhanceYourCalm,
  },
  'a block that cannot be read': {
    said: [frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.from([0xff]))],
    code: CODE.compression,
  },
  'more padding than frame': {
    said: [headers(1, POST, 0), frame(FRAME.data, FLAG.padded, 1, Buffer.from([2, 0]))],
    code: CODE.protocol,
  },
  'padding that is missing': { said: [headers(1, POST, 0), frame(FRAME.data, FLAG.padded, 1)], code: CODE.protocol },
  PUSH_PROMISE: { said: [frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(4))], code: CODE.protocol },
  'SETTINGS of a stream': { said: [frame(FRAME.settings, 0, 1)], code: CODE.protocol },
  'SETTINGS that are cut off': { said: [frame(FRAME.settings, 0, 0, Buffer.alloc(5))], code: CODE.frameSize },
  'an acknowledgement with content': {
    said: [frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6))],
    code: CODE.frameSize,
  },
  'ENABLE_PUSH 2': { said: [settings([2, 2])], code: CODE.protocol },
  'INITIAL_WINDOW_SIZE too large': { said: [settings([4, 2 ** 31])], code: CODE.flowControl },
  'MAX_FRAME_SIZE too small': { said: [settings([5, 16_383])], code: CODE.protocol },
  'MAX_FRAME_SIZE too large': { said: [settings([5, 2 ** 24])], code: CODE.protocol },
  'a PING that is too short': { said: [frame(FRAME.ping, 0, 0, Buffer.alloc(7))], code: CODE.frameSize },
  'a PING of a stream': { said: [frame(FRAME.ping, 0, 1, Buffer.alloc(8))], code: CODE.protocol },
  'a PRIORITY that is too short': { said: [frame(FRAME.priority, 0, 1, Buffer.alloc(4))], code: CODE.frameSize },
  'an RST_STREAM that is too short': {
    said: [headers(1, POST, 0), frame(FRAME.reset, 0, 1, Buffer.alloc(3))],
    code: CODE.frameSize,
  },
  'an RST_STREAM of no stream': { said: [word(FRAME.reset, 0, 0)], code: CODE.protocol },
  'a WINDOW_UPDATE that is too long': {
    said: [frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(5))],
    code: CODE.frameSize,
  },
  'the window of all opened by nothing': { said: [windowUpdate(0, 0)], code: CODE.protocol },
  'the window of all too large': { said: [windowUpdate(0, 2 ** 31 - 1)], code: CODE.flowControl },
  'a window made too large by SETTINGS': {
    said: [headers(1, POST, 0), windowUpdate(1, 2 ** 31 - 1 - 65_535), settings([4, 65_536])],
    code: CODE.flowControl,
  },
  'HEADERS that are too short for their priority': {
    said: [frame(FRAME.headers, 0x25, 1, Buffer.alloc(4))],
    code: CODE.frameSize,
  },
  'a GOAWAY that is cut off': { said: [frame(FRAME.goaway, 0, 0, Buffer.alloc(7))], code: CODE.frameSize },
}
describe('costs the connection:', () => {
  for (const [what, { said, code }] of Object.entries(CONNECTION_ERRORS)) {
    test(what, async (t) => {
      const gone: string[] = []
      const { say, heard, socket } = await talk(t, (exchange) => {
        if (exchange.body === undefined) return exchange.send(200, [], 'ok')
        exchange.observer = { ...silent, gone: ({ message }) => void gone.push(message) }
      })
      const ended = new Promise((resolve) => socket.once('end', resolve))
      await say(...said)
      assert.match(heard(0).at(-1)!, new RegExp(`^goaway ${code} after`))
      assert.ok(gone.length <= 1)
      await ended
    })
  }
})

test('what is no preface, and a client that does not begin with SETTINGS', async (t) => {
  for (const greeting of [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\rX'), Buffer.concat([PREFACE, headers(1, GET)])]) {
    const { heard } = await talk(t, echo, {}, greeting)
    assert.equal(heard(0).at(-1), `goaway ${CODE.protocol} after 0`)
  }
})

test('more streams than may be open are refused so that the client may ask again', async (t) => {
  const open: ServerExchange[] = []
  const { say, heard, connection } = await talk(t, (exchange) => void open.push(exchange))
  await say(...Array.from({ length: 101 }, (_, i) => headers(2 * i + 1, GET)))
  assert.deepEqual([open.length, heard(201)], [100, [`reset ${CODE.refusedStream}`]])
  assert.equal(connection.busy, true)
  for (const exchange of open) exchange.send(204, [], undefined)
  await say(headers(203, GET))
  assert.equal(open.length, 101)
})

test('a client that resets is told to nobody twice, and its stream makes room', async (t) => {
  const told: string[] = []
  const { say, heard, connection } = await talk(t, (exchange) => {
    exchange.observer = {
      ...silent,
      gone: ({ message }) => void told.push(message),
      done: () => void told.push('done'),
    }
  })
  await say(headers(1, GET), reset(1), reset(1))
  assert.deepEqual(told, ['the client reset the stream (code 8)'])
  assert.deepEqual([connection.busy, heard(1)], [false, []])
})

test('resets: many, but not without end, and more with time', async (t) => {
  const { say, heard, clock } = await talk(t, () => {})
  const pairs = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => Buffer.concat([headers(from + 2 * i, GET), reset(from + 2 * i)]))
  await say(...pairs(1, 1_000))
  clock.advance(2_000)
  await say(...pairs(2_001, 200))
  assert.doesNotMatch(heard(0).at(-1)!, /goaway/)
  await say(...pairs(2_401, 1))
  assert.equal(heard(0).at(-1), `goaway ${CODE.enhanceYourCalm} after 2401`)
})

test('mistakes for which the server resets count as resets', async (t) => {
  const { say, heard } = await talk(t, () => {})
  const pair = (id: number) => Buffer.concat([headers(id, POST, 0), windowUpdate(id, 0)])
  await say(...Array.from({ length: 1_001 }, (_, i) => pair(2 * i + 1)))
  assert.match(heard(0).at(-1)!, new RegExp(`^goaway ${CODE.enhanceYourCalm}`))
})

const FLOODS: Readonly<Record<string, Buffer>> = {
  PING: frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: settings(),
  'empty DATA': data(1, ''),
  PRIORITY: frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 3, 9])),
  'WINDOW_UPDATE of a byte': windowUpdate(1, 1),
  'unknown frames': frame(99, 0, 0),
}
for (const [what, one] of Object.entries(FLOODS)) {
  test(`a flood of ${what} ends the connection`, async (t) => {
    const { say, heard } = await talk(t, () => {})
    await say(headers(1, POST, 0))
    for (let rounds = 0; rounds < 12; rounds++) await say(...Array.from({ length: 1_000 }, () => one))
    assert.match(heard(0).at(-1)!, new RegExp(`^goaway ${CODE.enhanceYourCalm}`))
  })
}

test('after a reset of ours, what the client had sent already is read over', async (t) => {
  const { say, heard } = await talk(t, (exchange) => exchange.send(413, [], 'no'))
  await say(headers(1, POST, 0))
  assert.deepEqual(heard(1), ['413', 'data 2 end', 'reset 0'])
  await say(data(1, 'abc'), windowUpdate(1, 300), headers(1, [['x-t', '1']]), headers(3, GET))
  assert.deepEqual(heard(3), ['413', 'data 2 end'])
})

test('draining: no new streams, an end when the last is over', async (t) => {
  const open: ServerExchange[] = []
  const { say, heard, server, socket } = await talk(t, (exchange) => void open.push(exchange))
  let ended = false
  socket.once('end', () => {
    ended = true
  })
  await say(headers(1, GET))
  server.drain()
  await say(headers(3, GET))
  assert.deepEqual([heard(0).at(-1), heard(3), ended], ['goaway 0 after 1', [`reset ${CODE.refusedStream}`], false])
  open[0]!.send(200, [], 'ok')
  await quiet()
  assert.deepEqual([heard(1), ended], [['200', 'data 2 end'], true])
})

test('draining: who goes on asking and asking is cut off', async (t) => {
  const { say, heard, server } = await talk(t, () => {})
  await say(headers(1, GET))
  server.drain()
  await say(...Array.from({ length: 1_001 }, (_, i) => headers(2 * i + 3, GET)))
  assert.equal(heard(0).at(-1), `goaway ${CODE.enhanceYourCalm} after 1`)
})

test('draining: what is idle ends at once', async (t) => {
  const { server, socket, heard } = await talk(t, echo)
  const ended = new Promise((resolve) => socket.once('end', resolve))
  server.drain()
  await ended
  assert.equal(heard(0).at(-1), 'goaway 0 after 0')
})

test('time-outs: silence, a greeting and a head that do not come, a frame that does not end', async (t) => {
  const limits = { keepAliveMs: 5_000, headMs: 1_000 }
  const idle = await talk(t, echo, limits)
  idle.clock.advance(4_000)
  await idle.say(headers(1, GET))
  idle.clock.advance(4_000)
  assert.equal(idle.heard(0).at(-1), 'settings ack')
  idle.clock.advance(7_000)
  await quiet()
  assert.equal(idle.heard(0).at(-1), 'goaway 0 after 1')
  const parts = [
    PREFACE.subarray(0, 20),
    Buffer.concat([PREFACE, settings(), frame(FRAME.headers, 0, 1, block(GET))]),
    Buffer.concat([PREFACE, settings(), headers(1, GET).subarray(0, 12)]),
  ]
  for (const part of parts) {
    const slow = await talk(t, echo, limits, part)
    slow.clock.advance(1_500)
    await quiet()
    assert.match(slow.heard(0).at(-1)!, new RegExp(`^goaway ${CODE.enhanceYourCalm}`))
  }
})

test('a stream under way keeps the connection however long it takes', async (t) => {
  const open: ServerExchange[] = []
  const { say, heard, clock } = await talk(t, (exchange) => void open.push(exchange), { keepAliveMs: 1_000 })
  await say(headers(1, GET))
  clock.advance(100_000)
  open[0]!.send(200, [], 'ok')
  await quiet()
  assert.deepEqual(heard(1), ['200', 'data 2 end'])
})

test('a client that does not take its leave is cut off', async (t) => {
  const said = await talk(t, echo, { lingerMs: 1_000 })
  await said.say(frame(FRAME.ping, 0, 1, Buffer.alloc(8)))
  said.clock.advance(2_000)
  await quiet()
  assert.equal(said.closed, true)
})

test('wherever the bytes are cut, the answers are the same', async (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const cookies: Fields = [...POST, ['cookie', 'a=1'], ['cookie', 'b=2'], ['x-long', 'v'.repeat(300)]]
  const bytes = Buffer.concat([
    ...[PREFACE, settings([1, 0]), headers(1, cookies, 0), data(1, 'hello ')],
    ...[
      frame(FRAME.headers, FLAG.endStream, 3, block(GET).subarray(0, 7)),
      frame(FRAME.continuation, 0, 3, block(GET).subarray(7)),
    ],
    ...[frame(FRAME.continuation, FLAG.endHeaders, 3), data(1, 'world'), headers(5, GET), headers(1, [['x-t', '1']])],
    ...[headers(7, change(':path', '')), windowUpdate(0, 500), frame(FRAME.ping, 0, 0, Buffer.alloc(8)), reset(5)],
    ...[headers(9, POST, 0), padded(FRAME.data, FLAG.endStream, 9, 100, Buffer.alloc(1_000, 'z'))],
  ])
  const all = async (cuts: readonly number[]) => {
    const said = await talk(t, echo, {}, NO_BYTES)
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      if (to > from) said.socket.write(bytes.subarray(from, to))
      from = to
    }
    await quiet()
    const answers = [0, 1, 3, 5, 7, 9].map((id) => said.heard(id))
    const bodies = said.frames
      .filter(({ type }) => type === FRAME.data)
      .map(({ payload }) => payload.toString())
      .sort()
    said.socket.destroy()
    return { answers, bodies, refused: said.refused }
  }
  const whole = await all([])
  assert.deepEqual(whole.answers.slice(1, 3), [
    ['200', 'data 19 end'],
    ['200', 'data 7 end'],
  ])
  const cut = fc.integer({ min: 1, max: bytes.length - 1 })
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(cut, { maxLength: 12 }), async (cuts) => {
      assert.deepEqual(await all(cuts.sort((a, b) => a - b)), whole)
    }),
    { seed, numRuns: 200 },
  )
  assert.deepEqual(await all(Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)), whole)
})

test('whatever frames come, the server goes on or ends the connection', async (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const id = fc.constantFrom(0, 1, 1, 2, 3, 3, 5, 7)
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(block(GET), block(POST), Buffer.alloc(4, 1), Buffer.alloc(8), Buffer.from('abc')),
  )
  const one = fc.tuple(fc.integer({ min: 0, max: 10 }), fc.constantFrom(0, 1, 4, 5, 8, 9, 13, 32, 37), id, payload)
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 25 }), async (frames) => {
      const told = new Map<ServerExchange, number>()
      const said = await talk(t, (exchange) => {
        told.set(exchange, 0)
        const count = () => void told.set(exchange, told.get(exchange)! + 1)
        echo(exchange)
        if (exchange.done) count()
        else exchange.observer = { ...silent, gone: count, done: count }
      })
      await said.say(...frames.map(([type, flags, stream, bytes]) => frame(type, flags, stream, bytes)))
      said.socket.destroy()
      await quiet()
      assert.deepEqual(
        [...told.values()],
        Array.from(told, () => 1),
      )
      assert.equal(said.connection.busy, false)
    }),
    { seed, numRuns: 1_000 },
  )
})
