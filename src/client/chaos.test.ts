/**
 * Calls of all kinds at instances that answer, break off, hang, refuse and talk nonsense, by seed. Whatever happens: an answer is
 * its own and whole, what may not be repeated is done once, no call outlives its deadline, and nothing stays behind.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { below, type Random, seeded } from '../core/random.ts'
import { staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { createCaller } from './caller.ts'
import type { CallPolicy, OutboundRequest } from './contract.ts'
import { describe, text } from './kit.suite.ts'

const CALLS = 800
const AT_ONCE = 48
const DEADLINE_MS = 300
/** A busy machine runs a timer late; a call that is forgotten never ends. */
const LATEST_MS = 5_000

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

/** Times that each request was taken on, by its path. */
type Done = Map<string, number>

interface Asked {
  readonly path: string
  readonly answer: string
  readonly socket: Socket
  readonly done: Done
}

const write = ({ socket }: Asked, bytes: string) => void (socket.destroyed || socket.write(bytes, 'latin1'))
const take = ({ path, done }: Asked) => void done.set(path, (done.get(path) ?? 0) + 1)
const refuse = (code: string) => (asked: Asked) =>
  write(asked, `HTTP/1.1 503 no\r\nx-skein-error: ${code}\r\ncontent-length: 0\r\n\r\n`)

/** What an instance may do with a request; what it resolves with says whether it goes on with the next. */
const DEEDS: readonly ((asked: Asked, random: Random) => unknown)[] = [
  async (asked, random) => {
    take(asked)
    await sleep(below(random, 60))
    write(asked, asked.answer)
  },
  (asked, random) => {
    take(asked)
    write(asked, asked.answer.slice(0, below(random, asked.answer.length)))
    asked.socket.end()
  },
  (asked, random) => {
    take(asked)
    write(asked, asked.answer.slice(0, below(random, asked.answer.length)))
    asked.socket.resetAndDestroy()
  },
  // Hangs, and all behind it with it.
  (asked) => {
    take(asked)
    return new Promise(() => {})
  },
  (asked) => {
    take(asked)
    write(asked, `${asked.answer}more`)
  },
  (asked) => {
    take(asked)
    write(asked, 'nonsense\r\n\r\n')
  },
  refuse('OVERLOADED'),
  refuse('SHUTTING_DOWN'),
]

/** One that answers what comes on a connection in order; of three requests one meets a deed. */
async function instance(t: TestContext, random: Random, done: Done): Promise<Server> {
  const server = createServer((socket) => {
    t.after(() => socket.destroy())
    let come = ''
    let busy = false
    const serve = async () => {
      for (let next = readRequest(come); next !== undefined; next = readRequest(come)) {
        come = come.slice(next.length)
        const { path } = next
        const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`
        const asked: Asked = { path, answer, socket, done }
        if (below(random, 3) === 0) await DEEDS[below(random, DEEDS.length)]!(asked, random)
        else {
          take(asked)
          write(asked, answer)
        }
      }
      busy = false
    }
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        come += bytes.toString('latin1')
        if (!busy) void serve()
        busy = true
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return server
}

function readRequest(bytes: string): { readonly path: string; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.slice(0, end)
  const chunked = /transfer-encoding/i.test(head)
  const last = bytes.indexOf('0\r\n\r\n', end)
  const length = chunked ? last + 5 : end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return (chunked && last < 0) || bytes.length < length ? undefined : { path: head.split(' ')[1]!, length }
}

/** Timers that keep the process alive: those of calls. */
function watched(timers: Set<object>): Clock {
  const after: Clock['after'] = (ms, run, keepAlive) => {
    const own = {}
    if (keepAlive) timers.add(own)
    const timer = systemClock.after(
      ms,
      () => {
        timers.delete(own)
        run()
      },
      keepAlive,
    )
    return {
      cancel() {
        timers.delete(own)
        timer.cancel()
      },
    }
  }
  return { ...systemClock, after }
}

function anyPolicy(random: Random): CallPolicy {
  const chance = (of: number) => below(random, of) === 0
  return {
    ...(chance(3) && { hedge: { delayMs: below(random, 20), max: 1 + below(random, 3) } }),
    ...(chance(4) && { bulkhead: { calls: 20, waitMs: 20 } }),
    ...(chance(6) && { circuit: { failureShare: 0.9 } }),
    ...(chance(5) && { attemptTimeoutMs: 1 + below(random, 50) }),
  }
}

function anyBody(random: Random): Partial<OutboundRequest> {
  const kind = below(random, 6)
  if (kind > 1) return { method: 'GET' }
  return { method: 'POST', body: kind === 0 ? 'text' : Readable.from(['some', 'thing']) }
}

test('an answer is its own, a POST is done once, all calls end, and nothing stays', { timeout: 60_000 }, async (t) => {
  t.diagnostic(`SKEIN_SEED=${SEED}`)
  const random = seeded(SEED)
  const done: Done = new Map()
  const servers = [await instance(t, random, done), await instance(t, random, done), await instance(t, random, done)]
  const source = staticSource(
    servers.map((server, i) => {
      const { port } = server.address() as AddressInfo
      return describe(`u${i}`, port, { meta: i === 0 ? {} : { pipelining: '8' } })
    }),
  )
  const timers = new Set<object>()
  const clock = watched(timers)
  const caller = createCaller({ source, metrics: new Metrics(), clock, defaults: { deadlineMs: DEADLINE_MS } })
  t.after(() => caller.close())

  const call = async (path: string) => {
    const stop = new AbortController()
    const leaves = below(random, 8) === 0
    const timer = systemClock.after(below(random, 50), () => leaves && stop.abort())
    const began = systemClock.monotonic()
    const more = { ...anyBody(random), policy: anyPolicy(random), signal: stop.signal }
    try {
      const response = await caller.request({ service: 'users', method: 'GET', path, headers: [], ...more })
      assert.equal(await text(response.body), response.status === 200 ? path : '')
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error
      assert.notEqual(error.code, 'INTERNAL', String(error.cause))
    }
    timer.cancel()
    assert.ok(systemClock.monotonic() - began < LATEST_MS, `${path} took too long`)
    if (more.method === 'POST') assert.ok((done.get(path) ?? 0) < 2, `${path} was done ${done.get(path)} times`)
  }
  let calls = 0
  const worker = async () => {
    while (calls < CALLS) await Promise.all([call(`/${calls++}`), call(`/${calls++}`)])
  }
  await Promise.all(Array.from({ length: AT_ONCE / 2 }, worker))

  // Those that lost a race are told in the same turn; their connections end a little later.
  await sleep(50)
  assert.deepEqual(
    (await caller.inspect('users')).map(({ inFlight }) => inFlight),
    [0, 0, 0],
  )
  assert.equal(timers.size, 0)
})
