/** What a client may say and what it may not (RFC 9113), told by frames. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ServerExchange } from '../contract.ts'
import { readAll } from '../incoming.ts'
import { CODE, FLAG, FRAME } from './codes.ts'
import { LAWFUL, REFUSED, refusedHead, TOO_MUCH } from './heads.suite.ts'
import { CONNECTION_ERRORS, STREAM_ERRORS } from './mistakes.suite.ts'
import {
  block,
  data,
  type Fields,
  frame,
  GET,
  headers,
  POST,
  PREFACE,
  padded,
  quiet,
  reset,
  settings,
  silent,
  talk,
  windowUpdate,
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

describe('is served:', () => {
  for (const [what, { said, text }] of Object.entries(LAWFUL)) {
    test(what, async (t) => {
      const { say, frames } = await talk(t, echo)
      await say(...said)
      const bodies = frames.filter(({ type }) => type === FRAME.data)
      assert.equal(Buffer.concat(bodies.map(({ payload }) => payload)).toString(), text)
      assert.equal(bodies.at(-1)?.flags, FLAG.endStream)
    })
  }
})

describe('is refused with an answer, and, if it is no request, an error of its stream:', () => {
  for (const [what, { fields, reason }] of Object.entries(REFUSED)) {
    test(what, async (t) => {
      const { say, heard, refused } = await talk(t, echo)
      await say(refusedHead(fields), headers(3, GET))
      assert.deepEqual(refused, [reason])
      const bytes = `data ${reason.length}`
      const answer = TOO_MUCH.has(reason) ? ['431', `${bytes} end`] : ['400', bytes, `reset ${CODE.protocol}`]
      assert.deepEqual(heard(1), answer)
      assert.deepEqual(heard(3), ['200', 'data 7 end'])
    })
  }
})

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

test('PING is answered with what it says, whatever its other flags; an answer to one is not', async (t) => {
  const { say, frames, heard } = await talk(t, echo)
  const said = Buffer.from('01234567')
  await say(frame(FRAME.ping, 0x16, 0x80000000, said))
  assert.deepEqual([heard(0).at(-1), frames.at(-1)?.payload], ['ping 1', said])
  const before = frames.length
  await say(frame(FRAME.ping, FLAG.ack, 0, said))
  assert.equal(frames.length, before)
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

test('requests that are none count as resets', async (t) => {
  const { say, heard, refused } = await talk(t, () => {})
  await say(...Array.from({ length: 1_001 }, (_, i) => headers(2 * i + 1, GET.slice(1))))
  assert.equal(refused.length, 1_000)
  assert.match(heard(0).at(-1)!, new RegExp(`^goaway ${CODE.enhanceYourCalm}`))
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
  const { say, heard, clock } = await talk(t, (exchange) => exchange.send(413, [], 'no'), { lingerMs: 2_000 })
  await say(headers(1, POST, 0))
  clock.advance(2_000)
  await quiet()
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

test('what a client says without asking keeps no connection: PINGs, whole and in pieces', async (t) => {
  const ping = frame(FRAME.ping, 0, 0, Buffer.alloc(8))
  for (const pieces of [[ping], [ping.subarray(0, 5), ping.subarray(5)]]) {
    const { say, heard, clock } = await talk(t, echo, { keepAliveMs: 5_000, headMs: 2_000 })
    await say(headers(1, GET))
    for (let i = 0; i < 6; i++) {
      for (const piece of pieces) await say(piece)
      clock.advance(1_000)
    }
    await quiet()
    assert.equal(heard(0).at(-1), 'goaway 0 after 1')
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
    ...[
      headers(7, [...GET.slice(0, 2), [':path', ''], ...GET.slice(3)]),
      windowUpdate(0, 500),
      frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
      reset(5),
    ],
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
