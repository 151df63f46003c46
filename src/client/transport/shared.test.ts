/** Requests that share a connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import { below, seeded } from '../../core/random.ts'
import { readAll } from '../../wire/incoming.ts'
import { type BreakOff, type Message, TransportError } from '../transport.ts'
import { type WireTransportOptions, wireTransport } from './wire.ts'

interface Outcome {
  status?: number
  /** The body, or undefined where it broke off. */
  text?: string | undefined
  error?: Error | undefined
}

/** A connection as the upstream sees it. */
interface Line {
  readonly number: number
  readonly socket: Socket
  /** Targets in the order in which they came. */
  readonly targets: string[]
}

/** An upstream that says to each request what `answer` says, undefined = nothing yet. `warm` opens that many connections. */
async function upstream(
  t: TestContext,
  answer: (target: string, line: Line) => string | undefined,
  options: WireTransportOptions & { readonly depth?: string; readonly warm?: number } = {},
) {
  const lines: Line[] = []
  const writes: number[] = []
  const server = createServer((socket) => {
    const line = { number: lines.length, socket, targets: [] }
    lines.push(line)
    let text = ''
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        text += bytes.toString('latin1')
        const heads = text.split('\r\n\r\n')
        text = heads.pop()!
        writes.push(heads.length)
        const answers = heads.map((head) => {
          const target = head.split(' ')[1]!
          line.targets.push(target as never)
          return warming ? fine('warm') : answer(target, line)
        })
        const said = answers.filter((one) => one !== undefined).join('')
        if (said !== '') socket.write(said, 'latin1')
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = wireTransport(options)
  t.after(async () => {
    await transport.close()
    for (const { socket } of lines) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const target = { address: '127.0.0.1', port, meta: { pipelining: options.depth ?? '8' } }
  let breakOff: BreakOff = () => {}
  const send = (path: string, message: Partial<Message> = {}) =>
    new Promise<Outcome>((resolve) => {
      const outcome: Outcome = {}
      breakOff = transport.send(
        target,
        { method: 'GET', path, headers: [], bodyIdleMs: 60_000, ...message },
        {
          head(status, _headers, source) {
            outcome.status = status
            readAll(source).then(
              (bytes) => resolve({ ...outcome, text: String(bytes) }),
              (error) => resolve({ ...outcome, error }),
            )
          },
          end(error) {
            outcome.error = error
            if (outcome.status === undefined) resolve(outcome)
          },
        },
      )
    })
  let warming = true
  await Promise.all(Array.from({ length: options.warm ?? 1 }, () => send('/warm', { method: 'POST', body: '' })))
  warming = false
  writes.length = 0
  return {
    send,
    lines,
    writes,
    transport,
    target,
    breakOff: (reason: Error) => breakOff(reason),
    lastBreakOff: () => breakOff,
  }
}

const fine = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`
const echo = (target: string) => fine(target)
const texts = (outcomes: readonly Outcome[]) => outcomes.map(({ text, error }) => text ?? error?.message)
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate)
}
/** Lets the time pass in which answers hold up others, as a busy loop would not. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    clock.advance(5)
    await turns(2)
  }
}

describe('requests of one turn', () => {
  test('go out in one write, and each gets its own answer', async (t) => {
    const { send, lines, writes } = await upstream(t, echo)
    const outcomes = await Promise.all(['/a', '/b', '/c'].map((path) => send(path)))
    assert.deepEqual(texts(outcomes), ['/a', '/b', '/c'])
    assert.deepEqual(writes, [3])
    assert.equal(lines.length, 1)
  })

  test('share nothing where they may not be sent twice', async (t) => {
    const { send, writes, lines } = await upstream(t, echo)
    const outcomes = await Promise.all(['/a', '/b'].map((path) => send(path, { once: true })))
    assert.deepEqual(texts(outcomes), ['/a', '/b'])
    assert.deepEqual(writes, [1, 1])
    assert.equal(lines.length, 2)
  })

  test('are no more on a connection than the instance has said', async (t) => {
    const { send, lines } = await upstream(t, echo, { depth: '2', warm: 3 })
    assert.deepEqual(texts(await Promise.all(['/a', '/b', '/c', '/d', '/e'].map((path) => send(path)))), [
      ...['/a', '/b', '/c', '/d', '/e'],
    ])
    assert.deepEqual(lines.map(({ targets }) => targets.length - 1).sort(), [1, 2, 2])
  })

  test('do not share one with a request of an earlier turn', async (t) => {
    const { send, lines } = await upstream(t, (target) => (target === '/slow' ? undefined : echo(target)))
    void send('/slow')
    await until(() => lines[0]!.targets.includes('/slow'))
    assert.deepEqual(texts([await send('/b')]), ['/b'])
    assert.equal(lines.length, 2)
  })

  for (const [what, message] of Object.entries({
    'a POST': { method: 'POST' },
    'a DELETE': { method: 'DELETE' },
    'a GET with a body': { body: 'x' },
  })) {
    test(`${what} has a connection of its own`, async (t) => {
      const { send, lines } = await upstream(t, (target, { targets }) =>
        targets.length > 2 ? undefined : echo(target),
      )
      assert.deepEqual(texts(await Promise.all([send('/a'), send('/b', message)])), ['/a', '/b'])
      assert.deepEqual(
        lines.map(({ targets }) => targets),
        [['/warm', '/a'], ['/b']],
      )
    })
  }

  for (const [what, options] of Object.entries({
    'an instance that has said nothing': { depth: 'yes' },
    'an instance that has said one': { depth: '1' },
    'a transport that was told not to': { pipelining: false },
  })) {
    test(`${what}: one request a connection`, async (t) => {
      const { send, lines } = await upstream(t, echo, options)
      await Promise.all([send('/a'), send('/b')])
      assert.equal(lines.length, 2)
    })
  }

  test('nothing is shared before a connection has brought an answer', async (t) => {
    const { send, lines } = await upstream(t, echo, { warm: 0 })
    await Promise.all([send('/a'), send('/b')])
    assert.equal(lines.length, 2)
  })
})

test('answers of every framing, in any pieces, belong to their requests', async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const forms: [string, Partial<Message>, string, string | undefined][] = [
    ['length', {}, fine('hello'), 'hello'],
    ['empty', {}, fine(''), ''],
    [
      'chunked',
      {},
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: u\r\n\r\n',
      'abcde',
    ],
    ['no content', {}, 'HTTP/1.1 204 No Content\r\n\r\n', ''],
    ['not modified', {}, 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n', ''],
    ['head', { method: 'HEAD' }, 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', ''],
    ['head, chunked', { method: 'HEAD' }, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', ''],
    ['options', { method: 'OPTIONS' }, fine('opts'), 'opts'],
    ['hints', {}, `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${fine('hi')}`, 'hi'],
    ['large', {}, fine('x'.repeat(70_000)), 'x'.repeat(70_000)],
  ]
  for (let round = 0; round < 30; round++) {
    const chosen = Array.from({ length: 6 }, () => forms[below(random, forms.length)]!)
    const { send, lines } = await upstream(
      t,
      (_target, line) => {
        if (line.targets.length <= chosen.length) return undefined
        let bytes = Buffer.from(chosen.map(([, , answer]) => answer).join(''), 'latin1')
        const write = () => {
          const length = 1 + below(random, round % 2 === 0 ? 40 : 50_000)
          line.socket.write(bytes.subarray(0, length))
          bytes = bytes.subarray(length)
          if (bytes.length > 0) setImmediate(write)
        }
        write()
        return undefined
      },
      { clock: new VirtualClock() },
    )
    const outcomes = await Promise.all(chosen.map(([, message], i) => send(`/${i}`, message)))
    assert.deepEqual(
      texts(outcomes),
      chosen.map(([, , , text]) => text),
      chosen.map(([name]) => name).join(' · '),
    )
    assert.equal(lines.length, 1)
  }
})

describe('an answer that is in the way of others', () => {
  test('holds them up for no longer than it takes to find out: they go over connections of their own', async (t) => {
    const clock = new VirtualClock()
    const { send, lines } = await upstream(
      t,
      (target, line) => (line.targets.includes('/slow') ? undefined : echo(target)),
      { clock },
    )
    const slow = send('/slow')
    const others = [send('/b'), send('/c')]
    await until(() => lines[0]!.targets.length === 4)
    await pass(clock, 30)
    assert.deepEqual(texts(await Promise.all(others)), ['/b', '/c'])
    lines[0]!.socket.write(fine('at last'))
    assert.equal((await slow).text, 'at last')
    // The answers to those that went elsewhere are nobody's.
    await once(lines[0]!.socket, 'close')
  })

  test('so does one whose body comes slowly', async (t) => {
    const clock = new VirtualClock()
    const half = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello'
    const { send, lines } = await upstream(
      t,
      (target, line) => (target === '/stream' ? half : line.targets.includes('/stream') ? undefined : echo(target)),
      { clock },
    )
    const streamed = send('/stream')
    const other = send('/b')
    await until(() => lines[0]!.targets.length === 3)
    await pass(clock, 30)
    assert.equal((await other).text, '/b')
    lines[0]!.socket.write('world')
    assert.equal((await streamed).text, 'helloworld')
  })

  test('for a while nothing is shared with that instance, and then again', async (t) => {
    const clock = new VirtualClock()
    const { send, lines, writes } = await upstream(
      t,
      (target, line) => (line.targets.includes('/slow') ? undefined : echo(target)),
      { clock, warm: 2 },
    )
    const slow = send('/slow')
    const other = send('/b')
    await until(() => lines.some(({ targets }) => targets.includes('/b')))
    await pass(clock, 30)
    await other
    lines.find(({ targets }) => targets.includes('/slow'))!.socket.write(fine('slow'))
    await slow
    writes.length = 0
    await Promise.all([send('/c'), send('/d')])
    assert.deepEqual(writes, [1, 1])
    clock.advance(100)
    writes.length = 0
    await Promise.all([send('/e'), send('/f')])
    assert.deepEqual(writes, [2])
  })
})

describe('a connection that ends', () => {
  const endings: Record<string, (socket: Socket) => void> = {
    'by a reset': (socket) => socket.resetAndDestroy(),
    'by a close': (socket) => socket.end(),
    'by garbage': (socket) => void socket.write('what?\r\n\r\n'),
  }
  for (const [what, end] of Object.entries(endings)) {
    test(`${what} costs the request whose answer was next; those behind it go elsewhere`, async (t) => {
      const { send, lines } = await upstream(t, (target, line) => {
        if (line.number > 0) return echo(target)
        if (target === '/a') return echo(target)
        if (target === '/d') setImmediate(() => end(line.socket))
        return undefined
      })
      const [a, b, c, d] = await Promise.all(['/a', '/b', '/c', '/d'].map((path) => send(path)))
      assert.deepEqual(texts([a!, c!, d!]), ['/a', '/c', '/d'])
      const { error } = b!
      assert.ok(error instanceof TransportError)
      assert.deepEqual([error.stage, error.reused], [what === 'by garbage' ? 'response' : 'request', true])
      assert.equal(lines.length, 3)
    })
  }

  test('in the middle of a body breaks that body off, and no other', async (t) => {
    const { send } = await upstream(t, (target, line) => {
      if (line.number > 0) return echo(target)
      if (target === '/b') setImmediate(() => line.socket.resetAndDestroy())
      return target === '/a' ? 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf' : undefined
    })
    const [a, b] = await Promise.all([send('/a'), send('/b')])
    assert.deepEqual([a!.status, a!.text], [200, undefined])
    assert.equal(b!.text, '/b')
  })

  test('as its last answer said: those behind it go elsewhere', async (t) => {
    const { send, lines } = await upstream(t, (target, line) => {
      if (line.number > 0) return echo(target)
      return target === '/a' ? 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na' : undefined
    })
    assert.deepEqual(texts(await Promise.all(['/a', '/b'].map((path) => send(path)))), ['a', '/b'])
    assert.equal(lines.length, 2)
  })

  test('with an answer too many: it reaches nobody', async (t) => {
    const { send, lines } = await upstream(t, (target, line) =>
      line.number > 0 ? echo(target) : target === '/b' ? echo('/a') + echo('/b') + echo('/evil') : undefined,
    )
    assert.deepEqual(texts(await Promise.all(['/a', '/b'].map((path) => send(path)))), ['/a', '/b'])
    assert.deepEqual(texts([await send('/c')]), ['/c'])
    assert.equal(lines.length, 2)
  })

  test('before anything was written: all go elsewhere', async (t) => {
    const { send, lines } = await upstream(t, echo)
    await turns(2)
    const both = [send('/a'), send('/b')]
    lines[0]!.socket.resetAndDestroy()
    const outcomes = await Promise.all(both)
    for (const { text, error } of outcomes) assert.ok(text !== undefined || error instanceof TransportError)
  })

  test('because the client is closed: all are told, once', async (t) => {
    const { send, transport, lines } = await upstream(t, () => undefined)
    const all = ['/a', '/b', '/c'].map((path) => send(path))
    await until(() => lines[0]!.targets.length === 4)
    await transport.close()
    for (const { error } of await Promise.all(all)) assert.ok(error instanceof TransportError)
  })
})

describe('a request that nobody waits for any more', () => {
  const enough = new Error('enough')

  async function three(t: TestContext, given: number, when: 'before' | 'after') {
    const { send, lines, lastBreakOff } = await upstream(t, (target, line) =>
      target === '/2' ? line.targets.slice(1).map(echo).join('') : undefined,
    )
    const breakOffs: BreakOff[] = []
    const all = [0, 1, 2].map((i) => {
      const outcome = send(`/${i}`)
      breakOffs.push(lastBreakOff())
      return outcome
    })
    if (when === 'after') await turns(1)
    breakOffs[given]!(enough)
    const outcomes = await Promise.all(all)
    return { outcomes, lines, send }
  }

  for (const given of [0, 1]) {
    test(`is not written where it is given up in time, and the others get their answers (${given} of 3)`, async (t) => {
      const { outcomes, lines } = await three(t, given, 'before')
      const wanted = [0, 1, 2].map((i) => (i === given ? 'enough' : `/${i}`))
      assert.deepEqual(texts(outcomes), wanted)
      assert.deepEqual(
        lines[0]!.targets.slice(1),
        wanted.filter((text) => text !== 'enough'),
      )
      assert.equal(lines.length, 1)
    })

    test(`is read over where it was written (${given} of 3), and the connection goes on`, async (t) => {
      const { outcomes, lines } = await three(t, given, 'after')
      assert.deepEqual(
        texts(outcomes),
        [0, 1, 2].map((i) => (i === given ? 'enough' : `/${i}`)),
      )
      assert.equal(lines.length, 1)
    })
  }

  test('all of them before they are written: the connection is as free as it was', async (t) => {
    const { send, lines, lastBreakOff } = await upstream(t, echo)
    for (const path of ['/a', '/b']) {
      const outcome = send(path)
      lastBreakOff()(enough)
      assert.equal((await outcome).error, enough)
    }
    await turns(2)
    assert.deepEqual(texts(await Promise.all(['/c', '/d'].map((path) => send(path)))), ['/c', '/d'])
    assert.equal(lines.length, 1)
  })

  test('all of them: the connection ends, so that nobody works for nothing', async (t) => {
    const { send, lines, lastBreakOff } = await upstream(t, () => undefined)
    const breakOffs = ['/a', '/b'].map((path) => {
      void send(path)
      return lastBreakOff()
    })
    await until(() => lines[0]!.targets.length === 3)
    for (const breakOff of breakOffs) breakOff(enough)
    await once(lines[0]!.socket, 'close')
  })

  test('in the middle of its body: the connection ends, and the others go elsewhere', async (t) => {
    const { send, lines, lastBreakOff } = await upstream(t, (target, line) => {
      if (line.number > 0) return echo(target)
      return target === '/a' ? 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf' : undefined
    })
    const a = send('/a')
    const breakOff = lastBreakOff()
    const b = send('/b')
    await until(() => lines[0]!.targets.length === 3)
    await turns(3)
    breakOff(enough)
    assert.equal((await a).status, 200)
    assert.equal((await b).text, '/b')
  })
})

test('what cannot be written as HTTP costs no connection, and none of the others', async (t) => {
  const { send, lines } = await upstream(t, echo)
  const [bad, good] = await Promise.all([send('/a b'), send('/c')])
  assert.equal((bad!.error as { code?: string }).code, 'BAD_REQUEST')
  assert.equal(good!.text, '/c')
  assert.equal((await send('/d')).text, '/d')
  assert.equal(lines.length, 1)
})

test('whatever the upstream does and whoever gives up, each gets its own answer or an error, once', async (t) => {
  const seed = Number(process.env['SKEIN_SEED'] ?? 1)
  t.diagnostic(`SKEIN_SEED=${seed}`)
  const random = seeded(seed)
  const queues = new WeakMap<Socket, string[]>()
  /** Answers what has come, in order, with an accident now and then. */
  const serve = async (socket: Socket, queue: string[]) => {
    for (let target = queue[0]; target !== undefined; target = queue[0]) {
      const luck = below(random, 100)
      if (luck < 2) return void socket.resetAndDestroy()
      if (luck < 3) return void socket.end()
      if (luck < 5) return void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha')
      if (luck < 7) return void socket.write('no HTTP\r\n\r\n')
      if (luck < 9) await new Promise((resolve) => setTimeout(resolve, 40))
      else if (luck < 30) await turns(1 + below(random, 3))
      if (socket.destroyed) return
      const last = luck === 99 ? 'connection: close\r\n' : ''
      if (luck < 60) socket.write(fine(target).replace('\r\n', `\r\n${last}`), 'latin1')
      else socket.write(`HTTP/1.1 200 OK\r\n${last}transfer-encoding: chunked\r\n\r\n${chunk(target)}0\r\n\r\n`)
      queue.shift()
      if (last !== '') return void socket.end()
    }
  }
  const { send, lines, transport, lastBreakOff } = await upstream(
    t,
    (target, { socket }) => {
      const queue = queues.get(socket) ?? []
      queues.set(socket, queue)
      if (queue.push(target) === 1) setImmediate(() => void serve(socket, queue))
      return undefined
    },
    { warm: 4 },
  )
  let shared = 0
  const verdicts = { own: 0, error: 0, cut: 0 }
  for (let round = 0; round < 150; round++) {
    const all = Array.from({ length: 1 + below(random, 20) }, async (_, i) => {
      const path = `/${round}-${i}`
      const outcome = send(path)
      const breakOff = lastBreakOff()
      if (below(random, 10) === 0) setImmediate(() => breakOff(new Error('given up')))
      const { text, error, status } = await outcome
      if (text !== undefined) {
        assert.equal(text, path)
        verdicts.own++
      } else if (status === undefined) {
        assert.ok(error !== undefined)
        verdicts.error++
      } else verdicts.cut++
    })
    await Promise.all(all)
  }
  for (const { targets } of lines) if (targets.length > 1) shared++
  t.diagnostic(`${JSON.stringify(verdicts)}, ${lines.length} connections`)
  assert.ok(verdicts.own > 500 && shared > 20)
  await transport.close()
  await until(() => lines.every(({ socket }) => socket.destroyed || socket.readableEnded))
})

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

test('an answer whose taker held back at its last bytes does not hold back the next one', async (t) => {
  const { send, lines, transport, target } = await upstream(t, () => undefined, { clock: new VirtualClock() })
  const held = new Promise<string>((resolve) => {
    let text = ''
    transport.send(
      target,
      { method: 'GET', path: '/long', headers: [], bodyIdleMs: 60_000 },
      {
        head: (_status, _headers, source) =>
          source.read({
            chunk(bytes) {
              text += Buffer.from(bytes)
              if (text.length === 5) source.pause()
            },
            end: () => {},
            fail: () => {},
          }),
        end: () => resolve(text),
      },
    )
  })
  const next = send('/next')
  await until(() => lines[0]!.targets.length === 3)
  lines[0]!.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n123')
  await turns(20)
  lines[0]!.socket.write('45')
  assert.equal(await held, '12345')
  lines[0]!.socket.write(fine('/next'))
  assert.deepEqual(texts([await next]), ['/next'])
})
