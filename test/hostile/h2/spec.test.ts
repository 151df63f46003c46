/** What RFC 9113 says of a server, told to a gateway over a socket: what h2spec asks, and more, in our own words. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, type TestContext, test } from 'node:test'
import { CODE } from '../../../src/wire/h2/codes.ts'
import { LAWFUL, REFUSED, refusedHead, TOO_MUCH } from '../../../src/wire/h2/heads.suite.ts'
import { CONNECTION_ERRORS, STREAM_ERRORS } from '../../../src/wire/h2/mistakes.suite.ts'
import { listenTo, PREFACE, settings } from '../../../src/wire/h2/talk.suite.ts'
import { type Recorder, record } from '../recorder.ts'
import { gatewayBefore, type Target } from '../target.ts'

let recorder: Recorder
let gateway: Target
before(async () => {
  recorder = await record()
  gateway = await gatewayBefore(recorder.port, [{ to: 'users' }])
})
after(async () => {
  await gateway.close()
  recorder.close()
})

interface Client {
  say(bytes: readonly Buffer[]): void
  /** Resolves with what came on `stream` once `isEnd` says so of the last of it, or the connection has ended. */
  hear(stream: number, isEnd: (word: string) => boolean): Promise<string[]>
  readonly ended: Promise<unknown>
}

/** Says the preface, and `bytes`. */
function client(t: TestContext, bytes: readonly Buffer[]): Client {
  const socket = connect(gateway.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  const ended = once(socket, 'end')
  const { heard } = listenTo(socket)
  const say = (more: readonly Buffer[]) => void socket.write(Buffer.concat(more))
  say([PREFACE, settings(), ...bytes])
  const hear = async (stream: number, isEnd: (word: string) => boolean) => {
    while (!socket.destroyed && !isEnd(heard(stream).at(-1) ?? '')) {
      await Promise.race([once(socket, 'data'), once(socket, 'close')])
    }
    return heard(stream)
  }
  return { say, hear, ended }
}
const isOver = (word: string) => word.endsWith(' end') || word.startsWith('reset')

// nghttp2 sees some of it in another way: h2spec 138 of 147, where our own has all.
const skip = process.env['SKEIN_HTTP2'] === 'node' && 'as nghttp2 has it'

// Of a target of its own kind there is no route.
const { '*, of OPTIONS': __, ...requests } = LAWFUL
describe('is served:', () => {
  for (const [what, { said, text }] of Object.entries(requests)) {
    // With it nghttp2 ends the connection.
    test(what, { skip: skip && what.startsWith('a GOAWAY') && skip }, async (t) => {
      const stream = what === 'an RST_STREAM with an unknown code' ? 5 : 1
      const words = await client(t, said).hear(stream, isOver)
      assert.deepEqual([words[0], words.at(-1)], ['200', 'data 2 end'])
      const arrived = recorder.take().map(({ method, target, body }) => `${method} ${target} ${body}`)
      assert.deepEqual(arrived.slice(-1), [text])
    })
  }
})

describe('is refused, and nobody behind the gateway hears of it:', { skip }, () => {
  for (const [what, { fields, reason }] of Object.entries(REFUSED)) {
    test(what, async (t) => {
      const isTooMuch = TOO_MUCH.has(reason)
      const words = await client(t, [refusedHead(fields)]).hear(1, isOver)
      assert.equal(words[0], isTooMuch ? '431' : '400')
      assert.match(words.at(-1)!, isTooMuch ? / end$/ : new RegExp(`^reset ${CODE.protocol}$`))
      assert.deepEqual(recorder.take(), [])
    })
  }
})

// The gateway takes what comes, so that no window is full.
const { 'more than its window': _, ...errors } = STREAM_ERRORS
describe('costs the stream:', { skip }, () => {
  for (const [what, { said, code }] of Object.entries(errors)) {
    test(what, async (t) => {
      assert.deepEqual(await client(t, said).hear(1, isOver), [`reset ${code}`])
      recorder.take()
    })
  }
})

/** These come when the answer has come. */
const LATE: ReadonlySet<string> = new Set(['DATA of a stream that has ended', 'HEADERS of a stream that has ended'])

describe('costs the connection:', { skip }, () => {
  for (const [what, { said, code }] of Object.entries(CONNECTION_ERRORS)) {
    test(what, async (t) => {
      const { say, hear, ended } = client(t, LATE.has(what) ? said.slice(0, 1) : said)
      if (LATE.has(what)) {
        await hear(1, isOver)
        say(said.slice(1))
      }
      const words = await hear(0, (word) => word.startsWith('goaway'))
      assert.match(words.at(-1)!, new RegExp(`^goaway ${code} after`))
      await ended
      recorder.take()
    })
  }
})
