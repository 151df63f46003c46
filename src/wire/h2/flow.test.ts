/** Windows (RFC 9113 §5.2), both ways. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CHUNKED, type ExchangeObserver, type ServerExchange } from '../contract.ts'
import { CODE, FLAG, FRAME } from './codes.ts'
import {
  data,
  type Fields,
  GET,
  headers,
  POST,
  PREFACE,
  quiet,
  reset,
  settings,
  silent,
  type Talk,
  talk,
  windowUpdate,
} from './talk.suite.ts'

const seed = Number(process.env['SKEIN_SEED'] ?? 1)
const WINDOW = 4
/** A client whose streams may get so many bytes each. */
const withWindow = (bytes: number) => Buffer.concat([PREFACE, settings([WINDOW, bytes])])

function received({ frames }: Talk, stream: number): number {
  return frames
    .filter((one) => one.stream === stream && one.type === FRAME.data)
    .reduce((sum, { payload }) => sum + payload.length, 0)
}

/** Notes what the exchange is told. */
function noting(notes: string[]): ExchangeObserver {
  return {
    drained: () => void notes.push('drained'),
    gone: ({ message }) => void notes.push(`gone: ${message}`),
    done: () => void notes.push('done'),
  }
}

test('an answer waits for the window of its stream, and is done once the last of it is out', async (t) => {
  const notes: string[] = []
  const answer = (exchange: ServerExchange) => {
    exchange.observer = noting(notes)
    exchange.send(200, [], 'x'.repeat(10))
  }
  const said = await talk(t, answer, {}, withWindow(4))
  await said.say(headers(1, GET))
  assert.deepEqual([said.heard(1), notes], [['200', 'data 4'], []])
  await said.say(windowUpdate(1, 3))
  assert.deepEqual([said.heard(1).at(-1), notes], ['data 3', []])
  await said.say(windowUpdate(1, 300))
  assert.deepEqual([said.heard(1).at(-1), notes], ['data 3 end', ['done']])
})

test('a head needs no window, nor does an answer without a body, nor its end', async (t) => {
  const answer = (exchange: ServerExchange) => {
    if (exchange.head.target === '/x') return exchange.send(200, [], undefined)
    exchange.begin(200, [], CHUNKED)
    exchange.end()
  }
  const { say, heard } = await talk(t, answer, {}, withWindow(0))
  await say(headers(1, GET), headers(3, [...GET.filter(([name]) => name !== ':path'), [':path', '/y']]))
  assert.deepEqual([heard(1), heard(3)], [['200 end'], ['200', 'data 0 end']])
})

test('the window of all streams is shared out in turn', async (t) => {
  const said = await talk(t, (exchange) => exchange.send(200, [], Buffer.alloc(100_000)), {}, withWindow(1_000_000))
  await said.say(headers(1, GET), headers(3, GET), headers(5, GET))
  assert.deepEqual(
    [1, 3, 5].map((id) => received(said, id)),
    [65_535, 0, 0],
  )
  await said.say(windowUpdate(0, 6 * 16_384))
  assert.deepEqual(
    [1, 3, 5].map((id) => received(said, id)),
    [65_535 + 2 * 16_384, 2 * 16_384, 2 * 16_384],
  )
  await said.say(windowUpdate(0, 1_000_000))
  for (const id of [1, 3, 5])
    assert.deepEqual([received(said, id), said.heard(id).at(-1)?.endsWith('end')], [100_000, true])
})

test('where the window of all streams opens by little, nobody takes all of it', async (t) => {
  const said = await talk(t, (exchange) => exchange.send(200, [], Buffer.alloc(100_000)), {}, withWindow(1_000_000))
  await said.say(headers(1, GET), headers(3, GET), headers(5, GET))
  for (let i = 0; i < 6; i++) await said.say(windowUpdate(0, 1_000))
  assert.deepEqual(
    [1, 3, 5].map((id) => received(said, id)),
    [65_535 + 2_000, 2_000, 2_000],
  )
})

test('who takes nothing of an answer for too long loses it; others of the connection go on', async (t) => {
  const told: string[] = []
  const answer = (exchange: ServerExchange) => {
    exchange.observer = { ...silent, gone: () => void told.push(exchange.head.target) }
    exchange.send(200, [], 'x'.repeat(1_000))
  }
  const said = await talk(t, answer, { stallMs: 5_000, keepAliveMs: 60_000 }, withWindow(10))
  const other = [...GET.filter(([name]) => name !== ':path'), [':path', '/other']] as const
  await said.say(headers(1, GET), headers(3, other))
  for (let i = 0; i < 10; i++) {
    said.clock.advance(1_000)
    await said.say(windowUpdate(3, 10))
  }
  said.clock.advance(1_000)
  await quiet()
  assert.deepEqual([said.heard(1).at(-1), told], [`reset ${CODE.cancel}`, ['/x']])
  await said.say(windowUpdate(3, 1_000))
  assert.deepEqual([received(said, 3), said.heard(3).at(-1)?.endsWith('end')], [1_000, true])
})

test('SETTINGS change the windows of streams under way, also to less than nothing', async (t) => {
  const said = await talk(t, (exchange) => exchange.send(200, [], Buffer.alloc(200)), {}, withWindow(100))
  await said.say(headers(1, GET))
  assert.equal(received(said, 1), 100)
  await said.say(settings([WINDOW, 20]), windowUpdate(1, 80))
  assert.equal(received(said, 1), 100)
  await said.say(windowUpdate(1, 10))
  assert.equal(received(said, 1), 110)
  await said.say(settings([WINDOW, 300]))
  assert.deepEqual([received(said, 1), said.heard(1).at(-1)], [200, 'data 90 end'])
})

test('a streamed answer is held back, told to go on, and may end with trailers', async (t) => {
  const notes: string[] = []
  const open: ServerExchange[] = []
  const answer = (exchange: ServerExchange) => {
    open.push(exchange)
    exchange.observer = noting(notes)
    exchange.begin(200, ['x-a', 'b'], CHUNKED, true)
  }
  const { say, heard, frames } = await talk(t, answer, {}, withWindow(10))
  await say(headers(1, GET))
  const [exchange] = open
  assert.equal(exchange!.write(Buffer.alloc(8)), true)
  assert.equal(exchange!.write(Buffer.alloc(8)), false)
  await say(windowUpdate(1, 256))
  assert.deepEqual(notes, ['drained'])
  exchange!.end(['Grpc-Status', '0', 'content-length', '9'])
  await quiet()
  assert.deepEqual(heard(1), ['200', 'data 8', 'data 2', 'data 6', 'grpc-status 0 end'])
  assert.deepEqual([frames.at(-1)?.flags, notes], [FLAG.endHeaders | FLAG.endStream, ['drained', 'done']])
})

test('an end behind what still waits for the window comes behind it', async (t) => {
  const answer = (exchange: ServerExchange) => {
    exchange.begin(200, [], CHUNKED, true)
    exchange.write(Buffer.alloc(8))
    exchange.end(['x-t', '1'])
    assert.equal(exchange.done, false)
  }
  const { say, heard } = await talk(t, answer, {}, withWindow(5))
  await say(headers(1, GET), windowUpdate(1, 300))
  assert.deepEqual(heard(1), ['200', 'data 5', 'data 3', 'x-t 1 end'])
})

test('an answer of known length ends with its last byte; too much and too little are mistakes of its writer', async (t) => {
  const open: ServerExchange[] = []
  const { say, heard } = await talk(t, (exchange) => void open.push(exchange))
  await say(headers(1, GET), headers(3, GET))
  const [whole, short] = open
  for (const exchange of open) exchange.begin(200, [], 5)
  whole!.write(Buffer.alloc(2))
  assert.throws(() => whole!.write(Buffer.alloc(4)), { reason: 'body_too_long' })
  whole!.write(Buffer.alloc(3))
  whole!.end()
  assert.throws(() => short!.end(), { reason: 'body_too_short' })
  short!.reset()
  await quiet()
  assert.deepEqual(
    [heard(1), heard(3)],
    [
      ['200', 'data 2', 'data 3 end'],
      ['200', 'reset 2'],
    ],
  )
})

test('HEAD, 204 and 304 have no body whatever is written', async (t) => {
  const statuses = [200, 204, 304, 204]
  const answer = (exchange: ServerExchange) => {
    const status = statuses.shift()!
    if (statuses.length % 2 === 1) return exchange.send(status, [], 'abc')
    exchange.begin(status, [], CHUNKED)
    exchange.write(Buffer.from('abc'))
    exchange.end()
  }
  const { say, heard, frames } = await talk(t, answer)
  await say(...[1, 3, 5, 7].map((id) => headers(id, [[':method', id === 1 ? 'HEAD' : 'GET'], ...GET.slice(1)])))
  for (const [id, status] of [
    [1, 200],
    [3, 204],
    [5, 304],
    [7, 204],
  ])
    assert.deepEqual(heard(id!), [`${status} end`])
  assert.deepEqual(frames.find(({ stream }) => stream === 1)?.fields, [':status', '200', 'content-length', '3'])
})

test('a body that nobody takes is held back; what is taken gives its window back', async (t) => {
  const open: ServerExchange[] = []
  const said = await talk(t, (exchange) => void open.push(exchange))
  await said.say(headers(1, POST, 0))
  const [{ body }] = open as [ServerExchange]
  let taken = 0
  const chunk = (bytes: Uint8Array) => {
    taken += bytes.length
  }
  body!.read({ chunk, end: () => {}, fail: () => {} })
  body!.pause()
  await said.say(...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_384))))
  assert.deepEqual([taken, said.heard(1)], [0, []])
  body!.resume()
  await quiet()
  assert.deepEqual([taken, said.heard(1)], [65_536, ['window 65536']])
  await said.say(...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_384))))
  assert.deepEqual(said.heard(1).slice(1), ['window 32768', 'window 32768'])
})

test('the window of all bodies comes back as they are taken, dropped, refused or reset', async (t) => {
  const answer = (exchange: ServerExchange) => {
    if (exchange.head.target === '/x') return exchange.body?.pause()
    exchange.body?.drop(new Error('not wanted'))
  }
  const said = await talk(t, answer)
  const other = POST.map((one) => (one[0] === ':path' ? ([':path', '/y'] as const) : one))
  const bad = POST.filter(([name]) => name !== ':path')
  const full = (id: number) => Array.from({ length: 4 }, () => data(id, Buffer.alloc(16_384)))
  for (let id = 1; id < 64; id += 6) {
    await said.say(headers(id, POST, 0), ...full(id), reset(id))
    await said.say(headers(id + 2, other, 0), ...full(id + 2), data(id + 2, '', FLAG.endStream))
    await said.say(headers(id + 4, bad, 0), data(id + 4, 'abc'))
  }
  const given = said
    .heard(0)
    .filter((one) => one.startsWith('window'))
    .slice(1)
  assert.ok(given.length >= 2, said.heard(0).join())
  assert.doesNotMatch(said.heard(0).join(), /goaway/)
})

test('many bodies at once, none of which has come far, do not wait for each other', async (t) => {
  let taken = 0
  const said = await talk(t, ({ body }) => {
    const chunk = (bytes: Uint8Array) => {
      taken += bytes.length
    }
    body!.read({ chunk, end() {}, fail() {} })
  })
  const ids = Array.from({ length: 80 }, (_, i) => 2 * i + 1)
  for (const id of ids)
    await said.say(headers(id, POST, 0), data(id, Buffer.alloc(15_000)), data(id, Buffer.alloc(15_000)))
  const given = said.heard(0).flatMap((one) => (one.startsWith('window ') ? [Number(one.slice(7))] : []))
  assert.equal(taken, ids.length * 30_000)
  assert.ok(65_535 + given.reduce((sum, bytes) => sum + bytes) - taken >= 1024 * 1024 - 65_536, given.join())
})

test('more than the window of all streams ends the connection', async (t) => {
  const said = await talk(t, ({ body }) => body?.pause())
  for (let id = 1; id <= 35; id += 2) {
    await said.say(headers(id, POST, 0), ...Array.from({ length: 4 }, () => data(id, Buffer.alloc(16_384))))
  }
  assert.match(said.heard(0).at(-1)!, /^goaway 3/)
})

test('a client that reads nothing is not read from, however much it says, and gets all once it reads', async (t) => {
  let begun = 0
  const answer = (exchange: ServerExchange) => {
    begun++
    exchange.send(200, [], 'x'.repeat(1_000))
  }
  const said = await talk(
    t,
    answer,
    {},
    Buffer.concat([PREFACE, settings([WINDOW, 2 ** 31 - 1]), windowUpdate(0, 2 ** 30)]),
  )
  said.socket.pause()
  const asked = 2_000
  for (let i = 0; i < asked; i++) said.socket.write(headers(2 * i + 1, GET))
  await quiet()
  assert.ok(begun < 500, `${begun} of ${asked}`)
  said.socket.resume()
  for (let rounds = 0; rounds < 500 && begun < asked; rounds++) await quiet()
  assert.deepEqual([begun, said.heard(2 * asked - 1)], [asked, ['200', 'data 1000 end']])
})

test('when the connection ends, all that was written goes out before', async (t) => {
  const said = await talk(t, (exchange) => exchange.send(200, [], 'x'.repeat(50_000)))
  said.socket.pause()
  await said.say(headers(1, GET))
  said.server.drain()
  let written = false
  const waiting = said.server.written().then(() => {
    written = true
  })
  await quiet()
  said.socket.resume()
  await waiting
  await quiet()
  assert.deepEqual([written, received(said, 1), said.heard(1).at(-1)?.endsWith('end')], [true, 50_000, true])
})

test('a client that takes nothing any more is cut off once its streams are over', async (t) => {
  const open: ServerExchange[] = []
  const answer = (exchange: ServerExchange) => {
    open.push(exchange)
    exchange.send(200, [], Buffer.alloc(1_000_000))
  }
  const greeting = Buffer.concat([withWindow(2 ** 30), windowUpdate(0, 2 ** 30)])
  const said = await talk(t, answer, { keepAliveMs: 5_000, lingerMs: 1_000 }, greeting)
  said.socket.pause()
  await said.say(headers(1, GET))
  said.clock.advance(100_000)
  await quiet()
  assert.deepEqual([said.closed, said.connection.busy], [false, true])
  open[0]!.reset()
  said.clock.advance(11_000)
  await quiet()
  said.clock.advance(2_000)
  await quiet()
  assert.equal(said.closed, true)
})

test('who does not take what was written is not waited for', async (t) => {
  const said = await talk(t, (exchange) => exchange.send(200, [], 'x'.repeat(60_000)), { lingerMs: 1_000 })
  said.socket.pause()
  await said.say(headers(1, GET))
  const waiting = said.server.written()
  said.clock.advance(1_000)
  await waiting
})

test('an answer that breaks off is reset, and the request is told once', async (t) => {
  const notes: string[] = []
  const open: ServerExchange[] = []
  const said = await talk(t, (exchange) => {
    open.push(exchange)
    exchange.observer = noting(notes)
  })
  await said.say(headers(1, GET))
  open[0]!.begin(200, [], CHUNKED)
  open[0]!.write(Buffer.from('abc'))
  open[0]!.reset()
  open[0]!.reset()
  assert.equal(open[0]!.write(Buffer.from('d')), true)
  await quiet()
  assert.deepEqual([said.heard(1), notes], [['200', 'data 3', 'reset 2'], ['gone: the answer broke off']])
})

test('who resets a stream from inside of its body says no more about it', async (t) => {
  const said = await talk(t, (exchange) => {
    let came = 0
    const chunk = (bytes: Uint8Array) => {
      came += bytes.length
      if (came === 32_768) exchange.reset()
    }
    exchange.body!.read({ chunk, end() {}, fail() {} })
  })
  const sized: typeof POST = [...POST, ['content-length', '40000']]
  await said.say(headers(1, sized, 0), data(1, Buffer.alloc(16_384)), data(1, Buffer.alloc(16_384), FLAG.endStream))
  assert.deepEqual(said.heard(1), ['reset 2'])
})

test('10,000 bodies that are reset, by whom and where it may be, leave the window as it was', async (t) => {
  let taken = 0
  let begun = 0
  const said = await talk(t, (exchange) => {
    const mode = begun++
    const chunk = (bytes: Uint8Array) => {
      if (exchange.head.target === '/last') taken += bytes.length
      else if (mode % 5 === 0) exchange.reset()
      else if (mode % 5 === 1) exchange.send(413, [], 'no')
      else if (mode % 5 === 2) exchange.body!.drop(new Error('not wanted'))
      else exchange.body!.pause()
    }
    exchange.body!.read({ chunk, end() {}, fail() {} })
  })
  let sent = 0
  const part = (id: number, size: number) => {
    sent += size
    return data(id, Buffer.alloc(size))
  }
  for (let id = 1; id < 20_000; id += 2) {
    const parts = [headers(id, POST, 0), part(id, 1 + (id % 700)), part(id, 300), part(id, id % 900)]
    await said.say(...parts, part(id, 100), reset(id))
    said.clock.advance(20)
  }
  const last = POST.map((one) => (one[0] === ':path' ? ([':path', '/last'] as const) : one))
  await said.say(headers(20_001, last, 0), part(20_001, 16_384), data(20_001, '', FLAG.endStream))
  assert.equal(taken, 16_384)
  const given = said.heard(0).flatMap((one) => (one.startsWith('window ') ? [Number(one.slice(7))] : []))
  const missing = 1024 * 1024 - (65_535 + given.reduce((sum, bytes) => sum + bytes) - sent)
  assert.ok(missing >= 0 && missing < 65_536, `${missing} bytes are missing`)
})

test('a connection that breaks tells all its requests, also those whose answer waits', async (t) => {
  const notes: string[] = []
  const said = await talk(
    t,
    (exchange) => {
      exchange.observer = noting(notes)
      if (exchange.head.method === 'GET') exchange.send(200, [], 'x'.repeat(100))
    },
    {},
    withWindow(10),
  )
  await said.say(headers(1, GET), headers(3, POST))
  said.socket.destroy()
  await quiet()
  assert.equal(notes.length, 2)
  assert.ok(notes.every((one) => one.startsWith('gone')))
  assert.equal(said.connection.busy, false)
})

test('an upgrade that comes too late is a stream that has closed, and nothing is said', async (t) => {
  const open: ServerExchange[] = []
  const { say, heard } = await talk(t, (exchange) => void open.push(exchange))
  const connect = [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']] as const
  await say(headers(1, connect, 0), reset(1))
  const { stream } = open[0]!.upgrade([])
  await new Promise((resolve) => stream.once('close', resolve))
  assert.deepEqual(heard(1), [])
})

test('a tunnel: bytes both ways, held back by the window, and each side ends by itself', async (t) => {
  const { say, heard, connection } = await talk(
    t,
    (exchange) => {
      const { stream } = exchange.upgrade(['x-a', 'b'])
      stream.pipe(stream)
    },
    {},
    withWindow(5),
  )
  const connect = [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']] as const
  await say(headers(1, connect, 0), data(1, 'abc'), data(1, 'defg'))
  assert.deepEqual(heard(1), ['200', 'data 3', 'data 2'])
  await say(windowUpdate(1, 300), data(1, '', FLAG.endStream))
  assert.deepEqual(heard(1).slice(3), ['data 2', 'data 0 end'])
  assert.equal(connection.busy, false)
})

test('100-continue goes before the answer', async (t) => {
  const { say, heard } = await talk(t, (exchange) => {
    exchange.observer = silent
    exchange.sendContinue()
    exchange.send(200, [], 'ok')
  })
  await say(headers(1, [...POST, ['expect', '100-continue']], 0))
  assert.deepEqual(heard(1), ['100', '200', 'data 2 end'])
})

test('an answer before the end of its request leaves the client a while to end it; then it is asked to stop', async (t) => {
  const ended: string[] = []
  const answer = (exchange: ServerExchange) => {
    const { target } = exchange.head
    const note = (word: string) => void ended.push(`${target} ${word}`)
    exchange.body!.read({ chunk: (bytes) => note(`${bytes.length}`), end: () => note('end'), fail: () => note('fail') })
    if (target === '/x') return void exchange.send(200, [], 'ok')
    setImmediate(() => exchange.send(200, [], 'ok'))
  }
  const { say, heard, clock, connection } = await talk(t, answer, { lingerMs: 2_000 })
  const sized = POST.map((one) => (one[0] === ':path' ? ([':path', '/sized'] as const) : one))
  const length = (bytes: number): Fields => [...sized, ['content-length', String(bytes)]]
  await say(headers(1, POST, 0), headers(3, POST, 0), headers(5, POST, 0), headers(7, length(70_000), 0))
  await say(headers(9, length(3), 0), data(9, 'abc'), headers(11, length(3), 0), data(11, 'abc'))
  await quiet()
  const whole = ['200', 'data 2 end']
  const stopped = [...whole, 'reset 0']
  assert.deepEqual([1, 3, 5, 7, 9, 11].map(heard), [whole, whole, whole, stopped, whole, whole])
  assert.deepEqual(ended, [
    ...Array(3).fill('/x fail'),
    '/sized fail',
    '/sized 3',
    '/sized 3',
    '/sized end',
    '/sized end',
  ])
  clock.advance(1_000)
  await say(data(1, '', FLAG.endStream), data(3, 'a'.repeat(16_384)), data(9, '', FLAG.endStream))
  for (let i = 0; i < 3; i++) await say(data(5, 'a'.repeat(16_384)))
  await say(data(5, 'a'.repeat(16_384)))
  assert.deepEqual([1, 3, 5, 9].map(heard), [whole, whole, stopped, whole], 'the fifth cannot go on any more')
  clock.advance(1_000)
  await quiet()
  assert.deepEqual([1, 3, 5, 9, 11].map(heard), [whole, stopped, stopped, whole, stopped])
  assert.equal(connection.busy, false)
})

test('a connection that fails while answers wait for the client lets go of them', async (t) => {
  const notes: string[] = []
  const answer = (exchange: ServerExchange) => {
    exchange.observer = noting(notes)
    exchange.send(200, [], Buffer.alloc(1_000_000))
  }
  const said = await talk(t, answer, {}, Buffer.concat([withWindow(2 ** 30), windowUpdate(0, 2 ** 30)]))
  said.socket.pause()
  await said.say(headers(1, GET), headers(3, GET), data(0, 'a'))
  said.socket.resume()
  await quiet()
  assert.deepEqual([notes.length, said.heard(0).at(-1)], [2, 'goaway 1 after 3'])
})

test('whatever the pieces, windows and pauses, all answers come whole', async (t) => {
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const piece = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 }), fc.constant(16_384))
  const answers = fc.array(fc.record({ pieces: fc.array(piece, { maxLength: 12 }), framed: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  })
  const step = fc.oneof(fc.constant('pause'), fc.constant('turn'), fc.integer({ min: 1, max: 100_000 }))
  await fc.assert(
    fc.asyncProperty(
      answers,
      fc.integer({ min: 0, max: 100_000 }),
      fc.array(step, { maxLength: 12 }),
      async (all, window, steps) => {
        const sizes = all.map(({ pieces }) => pieces.reduce((sum, bytes) => sum + bytes, 0))
        let done = 0
        const answer = (exchange: ServerExchange) => {
          const { pieces, framed } = all[Number(exchange.head.target.slice(1))]!
          const left = [...pieces]
          const more = () => {
            for (let bytes = left.shift(); bytes !== undefined; bytes = left.shift())
              if (!exchange.write(Buffer.alloc(bytes))) return
            exchange.end()
          }
          exchange.observer = { ...silent, drained: more, done: () => void done++ }
          exchange.begin(200, [], framed ? sizes[Number(exchange.head.target.slice(1))]! : CHUNKED)
          more()
        }
        const said = await talk(t, answer, {}, withWindow(window))
        const at = (i: number) => GET.map((one) => (one[0] === ':path' ? ([':path', `/${i}`] as const) : one))
        await said.say(...all.map((_, i) => headers(2 * i + 1, at(i))))
        for (const one of steps) {
          if (one === 'pause') said.socket.pause()
          else if (one === 'turn') said.socket.resume()
          else await said.say(windowUpdate(0, one), ...all.map((_, i) => windowUpdate(2 * i + 1, one)))
        }
        said.socket.resume()
        await said.say(windowUpdate(0, 2 ** 29), ...all.map((_, i) => windowUpdate(2 * i + 1, 2 ** 29)))
        for (let rounds = 0; rounds < 50 && done < all.length; rounds++) await quiet()
        assert.deepEqual(
          all.map((_, i) => received(said, 2 * i + 1)),
          sizes,
        )
        assert.deepEqual([done, said.connection.busy], [all.length, false])
        said.socket.destroy()
      },
    ),
    { seed, numRuns: 300 },
  )
})
