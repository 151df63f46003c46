/** Connections that end at each byte of an answer, and callers that go at each: nothing is taken for whole, and nothing stays. */
import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { type Clock, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { readAll } from '../wire/incoming.ts'
import { createCaller } from './caller.ts'
import type { Caller, OutboundRequest } from './contract.ts'
import { get, describe as instance } from './kit.suite.ts'

const ANSWERS = {
  'of a known length': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'in chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx-a: b\r\n\r\n',
  'behind interim ones':
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'without a body': 'HTTP/1.1 204 No Content\r\n\r\n',
}
const REQUESTS: Readonly<Record<string, () => Partial<OutboundRequest>>> = {
  'a GET': () => ({}),
  'a GET that shares': () => ({ path: '/shared' }),
  'a POST of a stream': () => ({ method: 'POST', body: Readable.from(['some', 'thing']) }),
}
/** What the upstream does behind so many bytes of its answer; `wait`: nothing, and the caller goes. */
const ENDS = ['fin', 'reset', 'wait'] as const

/** What the upstream says to each request, and how many bytes of it. */
let script: { readonly bytes: string; readonly end: (typeof ENDS)[number] } = { bytes: '', end: 'fin' }
let said = Promise.withResolvers<void>()
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
    if (!isWhole(text)) return
    text = ''
    const { bytes: answer, end } = script
    socket.write(answer, 'latin1', () => {
      if (end === 'fin') socket.end()
      else if (end === 'reset') socket.resetAndDestroy()
      said.resolve()
    })
  })
})
const isWhole = (text: string) => (text.startsWith('POST') ? text.endsWith('0\r\n\r\n') : text.endsWith('\r\n\r\n'))

/** Timers that are set and have neither run nor been cancelled. */
const timers = new Set<object>()
const clock: Clock = {
  ...systemClock,
  after(ms, run, keepAlive) {
    const timer = systemClock.after(
      ms,
      () => {
        timers.delete(timer)
        run()
      },
      keepAlive,
    )
    // Those of the pool look at its connections as long as there are any.
    if (keepAlive) timers.add(timer)
    return {
      cancel() {
        timers.delete(timer)
        timer.cancel()
      },
    }
  },
}

let caller: Caller
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const source = staticSource([instance('u1', port, { meta: { pipelining: '8' } })])
  caller = createCaller({ source, metrics: new Metrics(), clock, defaults: { attempts: 1, deadlineMs: 5000 } })
})
after(async () => {
  await caller.close()
  for (const socket of sockets) socket.destroy()
  server.close()
})

/** The body, or the code of what came instead. */
async function ask(changes: Partial<OutboundRequest>): Promise<string> {
  try {
    const { source } = await caller.request(get(changes))
    return (await readAll(source)).toString()
  } catch (error) {
    assert.ok(error instanceof SkeinError, String(error))
    return error.code
  }
}

for (const [what, request] of Object.entries(REQUESTS)) {
  describe(what, () => {
    for (const [form, answer] of Object.entries(ANSWERS)) {
      for (const end of ENDS) {
        test(`an answer ${form}, then ${end}, at each byte`, async () => {
          for (let cut = 0; cut <= answer.length; cut++) await at(cut, answer, end, request)
        })
      }
    }
  })
}

async function at(cut: number, answer: string, end: (typeof ENDS)[number], request: () => Partial<OutboundRequest>) {
  script = { bytes: ANSWERS['of a known length'], end: 'wait' }
  // A connection that was used before, so that the next may share it.
  if (cut % 2 === 0) assert.equal(await ask({}), 'hello')
  script = { bytes: answer.slice(0, cut), end }
  said = Promise.withResolvers()
  const stop = new AbortController()
  const asked = ask({ ...request(), signal: stop.signal })
  if (end === 'wait') {
    await said.promise
    await new Promise(setImmediate)
    stop.abort()
  }
  const outcome = await asked
  const whole = answer.startsWith('HTTP/1.1 204') ? '' : 'hello'
  const failures = end === 'wait' ? ['CANCELLED'] : ['UPSTREAM_FAILED']
  assert.ok([whole, ...failures].includes(outcome), `${cut}: ${outcome}`)
  if (cut < answer.length) assert.ok(failures.includes(outcome), `${cut}: ${outcome} of a part`)
  else if (end === 'fin') assert.equal(outcome, whole)
  const [state] = await caller.inspect('users')
  assert.equal(state!.inFlight, 0, `${cut}`)
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0, `${cut}`)
  assert.equal(timers.size, 0, `${cut}`)
  // What is left over would be taken for the next answer.
  script = { bytes: ANSWERS['of a known length'].replace('hello', 'other'), end: 'wait' }
  assert.equal(await ask({}), 'other', `after ${cut}`)
}
