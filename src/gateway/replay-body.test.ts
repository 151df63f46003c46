import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BodySink } from '../wire/body.ts'
import { Incoming } from '../wire/incoming.ts'
import { ReplayBody } from './replay-body.ts'

function scene(maxBytes = 10) {
  const log: string[] = []
  const coming = new Incoming({
    pause: () => void log.push('pause'),
    resume: () => void log.push('resume'),
    drop: () => void log.push('drop'),
  })
  let chunks = 0
  const body = new ReplayBody(coming, maxBytes, () => chunks++)
  return { log, coming, body, push: (text: string) => coming.push(Buffer.from(text)), chunks: () => chunks }
}

/** Reads into `heard`. */
function reader(heard: string[], onChunk: () => void = () => {}): BodySink {
  return {
    chunk(bytes) {
      heard.push(String(bytes))
      onChunk()
    },
    end: (trailers) => void heard.push(`end ${trailers.join('=')}`),
    fail: ({ message }) => void heard.push(`fail ${message}`),
  }
}

const gone = new Error('this attempt is over')

test('read to its end, it can be read again from the beginning', () => {
  const { body, coming, push, chunks } = scene()
  const [first, second]: [string[], string[]] = [[], []]
  assert.equal(body.started, false)
  body.read(reader(first))
  assert.equal(body.started, true)
  push('a')
  push('b')
  coming.end(['x', '1'])
  assert.equal(body.started, false)
  body.read(reader(second))
  assert.deepEqual(first, ['a', 'b', 'end x=1'])
  assert.deepEqual(second, first)
  assert.equal(chunks(), 2)
})

test('dropped in the middle it waits, and the next reader gets all', () => {
  const { body, coming, push } = scene()
  const heard: string[] = []
  body.read(reader([]))
  push('a')
  body.drop(gone)
  assert.equal(body.started, false)
  push('b')
  body.read(reader(heard))
  push('c')
  coming.end([])
  assert.deepEqual(heard, ['a', 'b', 'c', 'end '])
})

test('more than is kept cannot be read again, and dropping ends it', () => {
  const { body, push, log } = scene(3)
  body.read(reader([]))
  push('ab')
  push('cd')
  assert.equal(body.started, true)
  body.drop(gone)
  assert.equal(body.started, true)
  assert.throws(() => body.read(reader([])), /read already/)
  assert.deepEqual(log, ['drop'])
})

test('what comes between two readers is not lost', () => {
  const { body, coming, push } = scene(3)
  const heard: string[] = []
  body.read(reader([]))
  push('ab')
  body.drop(gone)
  push('cdef')
  body.read(reader(heard))
  coming.end([])
  assert.deepEqual(heard, ['ab', 'cdef', 'end '])
})

test('once an answer has come nothing is kept', () => {
  const { body, push } = scene()
  const heard: string[] = []
  body.read(reader(heard))
  push('a')
  body.settle()
  assert.equal(body.started, true)
  push('b')
  assert.deepEqual(heard, ['a', 'b'])
})

test('a reader that pauses in the middle of what is kept gets the rest in order', () => {
  const { body, coming, push } = scene()
  body.read(reader([]))
  for (const text of ['a', 'b', 'c']) push(text)
  body.drop(gone)
  const heard: string[] = []
  body.read(reader(heard, () => body.pause()))
  assert.deepEqual(heard, ['a'])
  push('d')
  coming.end([])
  for (let i = 0; i < 5; i++) body.resume()
  assert.deepEqual(heard, ['a', 'b', 'c', 'd', 'end '])
})

test('a failure is told to each reader; after close nobody hears anything', () => {
  const { body, coming, push } = scene()
  const [first, second]: [string[], string[]] = [[], []]
  body.read(reader(first))
  push('a')
  coming.fail(new Error('broken'))
  body.read(reader(second))
  assert.deepEqual(
    [first, second],
    [
      ['a', 'fail broken'],
      ['a', 'fail broken'],
    ],
  )
  const other = scene()
  const heard: string[] = []
  other.body.read(reader(heard))
  other.body.close()
  other.push('a')
  assert.deepEqual([heard, other.log], [[], ['drop']])
})
