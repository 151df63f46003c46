import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { BodySource } from './body.ts'
import { fromReadable, Incoming, readAll, toReadable } from './incoming.ts'
import { HELD_BYTES, HELD_PIECES } from './limits.ts'

function body() {
  const asked: string[] = []
  const incoming = new Incoming({
    pause: () => void asked.push('pause'),
    resume: () => void asked.push('resume'),
    drop: ({ message }) => void asked.push(`drop: ${message}`),
  })
  return { incoming, asked }
}

function taken(source: BodySource) {
  const got: string[] = []
  source.read({
    chunk: (bytes) => void got.push(String(Buffer.from(bytes))),
    end: (trailers) => void got.push(`end${trailers.join()}`),
    fail: ({ message }) => void got.push(`fail ${message}`),
  })
  return got
}

const b = (text: string) => Buffer.from(text)

test('what came before it is read is kept, the rest is handed over as it comes', () => {
  const { incoming, asked } = body()
  incoming.push(b('a'))
  assert.equal(incoming.started, false)
  const got = taken(incoming)
  incoming.push(b('b'))
  incoming.end(['x', 'y'])
  assert.deepEqual(got, ['a', 'b', 'endx,y'])
  assert.deepEqual(asked, [])
  assert.throws(() => taken(incoming), /read already/)
})

test('many small pieces are joined while they are held: what each costs is bounded', () => {
  const { incoming } = body()
  for (let i = 0; i < HELD_BYTES; i++) incoming.push(b('x'))
  const got = taken(incoming)
  assert.ok(got.length <= HELD_PIECES, `${got.length} pieces`)
  assert.equal(got.join('').length, HELD_BYTES)
})

test('a whole body is had without waiting', () => {
  const { incoming } = body()
  incoming.push(b('ab'))
  incoming.push(b('c'))
  assert.equal(incoming.complete, false)
  incoming.end([])
  assert.equal(incoming.complete, true)
  assert.equal(String(incoming.whole()), 'abc')
  assert.equal(incoming.started, true)
})

test('nobody takes it: the connection is held back at the limit, and asked for more once it is taken', () => {
  const { incoming, asked } = body()
  incoming.push(Buffer.alloc(HELD_BYTES - 1))
  assert.deepEqual(asked, [])
  incoming.push(b('x'))
  incoming.push(b('y'))
  assert.deepEqual(asked, ['pause'])
  const got = taken(incoming)
  assert.deepEqual(asked, ['pause', 'resume'])
  assert.deepEqual(got.slice(1), ['x', 'y'])
})

test('paused: what comes is kept in order, the end too', () => {
  const { incoming, asked } = body()
  const got = taken(incoming)
  incoming.pause()
  incoming.push(b('a'))
  incoming.end([])
  assert.deepEqual(got, [])
  incoming.resume()
  assert.deepEqual(got, ['a', 'end'])
  assert.deepEqual(asked, ['pause'])
})

test('a taker that pauses in the middle of what is kept gets the rest later', () => {
  const { incoming } = body()
  incoming.push(b('a'))
  incoming.push(b('b'))
  incoming.end([])
  const got: string[] = []
  incoming.read({
    chunk(bytes) {
      got.push(String(bytes))
      incoming.pause()
    },
    end: () => void got.push('end'),
    fail: () => void got.push('fail'),
  })
  assert.deepEqual(got, ['a'])
  incoming.resume()
  assert.deepEqual(got, ['a', 'b'])
  incoming.resume()
  assert.deepEqual(got, ['a', 'b', 'end'])
})

test('broken off: what came is handed over first; nothing after', () => {
  const { incoming } = body()
  incoming.push(b('a'))
  incoming.fail(new Error('cut'))
  incoming.push(b('b'))
  assert.deepEqual(taken(incoming), ['a', 'fail cut'])
})

test('dropped: the connection is told while the body is coming, not when it is whole; the taker is told once', () => {
  const { incoming, asked } = body()
  const got = taken(incoming)
  incoming.drop(new Error('enough'))
  incoming.drop(new Error('again'))
  incoming.fail(new Error('late'))
  assert.deepEqual([got, asked], [['fail enough'], ['drop: enough']])
  const { incoming: complete, asked: nothing } = body()
  complete.end([])
  complete.drop(new Error('enough'))
  assert.deepEqual(nothing, [])
})

test('as a Node stream: all of it, with backpressure, and destroying drops it', async () => {
  const { incoming, asked } = body()
  const stream = toReadable(incoming)
  stream.read(0)
  for (let i = 0; i < 3; i++) incoming.push(Buffer.alloc(HELD_BYTES))
  assert.deepEqual(asked, ['pause'])
  let length = 0
  stream.on('data', (bytes: Buffer) => {
    length += bytes.length
  })
  incoming.end([])
  await once(stream, 'end')
  assert.equal(length, 3 * HELD_BYTES)
  const { incoming: other, asked: told } = body()
  const unwanted = toReadable(other).on('error', () => {})
  unwanted.destroy(new Error('no'))
  await new Promise((resolve) => unwanted.once('close', resolve))
  assert.deepEqual(told, ['drop: no'])
})

test('a body that fails destroys the stream with the same error', async () => {
  const { incoming } = body()
  const stream = toReadable(incoming)
  stream.resume()
  setImmediate(() => incoming.fail(new Error('cut')))
  await assert.rejects(once(stream, 'end'), /cut/)
})

test('a Node stream as a body: all of it, or what broke it off', async () => {
  assert.equal(String(await readAll(fromReadable(Readable.from(['a', Buffer.from('b')])))), 'ab')
  const broken = new Readable({ read() {} })
  const reading = readAll(fromReadable(broken))
  broken.push('a')
  broken.destroy(new Error('cut'))
  await assert.rejects(reading, /cut/)
  const closed = new Readable({ read() {} })
  const waiting = readAll(fromReadable(closed))
  closed.destroy()
  await assert.rejects(waiting, /broke off/)
})

test('a stream that ended or broke before anybody read it is not waited for', async () => {
  const broken = new Readable({ read() {} })
  broken.destroy()
  await assert.rejects(readAll(fromReadable(broken)), /broke off/)
  const ended = Readable.from([])
  await ended.resume().toArray()
  assert.equal((await readAll(fromReadable(ended))).length, 0)
})
