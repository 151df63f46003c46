/**
 * Clients that take their time, at the gateway: heads that come a byte at a time, bodies that stop, large answers that nobody
 * reads. Others must be served as before, memory stay bounded, and the slow ones be cut off.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { startEdge } from './harness/edge.ts'
import { startOrigin } from './harness/origin.ts'
import { percentile } from './harness/percentile.ts'
import { residentMiB } from './harness/process.ts'

const LORISES = 1000
const DEAF = 100
const LARGE = Buffer.alloc(8 * 1024 * 1024, 'x')
/** The head has 10 s in all, and it is looked every second or so. */
const HEAD_CUT_MS = 15_000
/** A body, or a reader, may pause for 30 s. */
const IDLE_CUT_MS = 40_000
const DRIP_MS = 1000
/** 800 MiB are asked for at once: until buffers are full that is load, not slowness. */
const BURST_MS = 3000

export default {
  name: 'gateway-slow-clients',
  what: `${LORISES} slow-loris clients and ${DEAF} that never read their 8 MiB, beside good ones`,
  ci: false,
  async run(context) {
    const { pick, log } = context
    const edge = await startEdge(context, { origin: await origin(context) }, [{ to: 'origin' }], {
      SKEIN_LOG_LEVEL: 'warn',
    })
    const port = Number(new URL(edge.url).port)
    const visit = async (seconds: number) => {
      const load = startLoad({ url: `${edge.url}/small`, ratePerSecond: 200 })
      await pause(seconds * 1000)
      return load.stop()
    }
    const seconds = pick({ ci: 4, normal: 15, long: 60 })
    await visit(4)
    const calm = await visit(seconds)
    const before = residentMiB(edge.process.pid)
    // Heads and bodies by turns.
    const lorises = crowd(context, port, LORISES, (i) =>
      i % 2 === 0 ? ['GET /small HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'a'] : [HALF_BODY, ''],
    )
    const deaf = crowd(context, port, DEAF, () => ['GET /large HTTP/1.1\r\nHost: a\r\n\r\n', ''])
    for (const socket of deaf) socket.pause()
    for (const socket of lorises) socket.resume()
    await eventually('the crowd', async () => [...lorises, ...deaf].every(({ connecting }) => !connecting))
    const arrived = performance.now()
    await pause(BURST_MS)
    const busy = await visit(Math.min(seconds, 6))
    const grown = residentMiB(edge.process.pid) - before
    const stay = async (sockets: readonly Socket[], limitMs: number) => {
      const closed = async () => sockets.every((socket) => socket.closed)
      await eventually('their end', closed, limitMs - (performance.now() - arrived)).catch(() => undefined) // counted below
      return sockets.filter((socket) => !socket.closed).length
    }
    const dripping = await stay(
      lorises.filter((_, i) => i % 2 === 0),
      HEAD_CUT_MS,
    )
    const stopped = await stay(
      lorises.filter((_, i) => i % 2 === 1),
      IDLE_CUT_MS,
    )
    // One that does not read sees no end either: it reads now, and must find that it was cut off.
    await pause(Math.max(0, IDLE_CUT_MS - (performance.now() - arrived)))
    for (const socket of deaf) socket.resume()
    const unread = await stay(deaf, IDLE_CUT_MS + 5000)
    const failures = [...calm.failures, ...busy.failures]
    log(
      `p50 ${percentile(calm.latencies, 0.5).toFixed(2)} ms before, ${percentile(busy.latencies, 0.5).toFixed(2)} ms meanwhile`,
    )
    const p99 = { before: percentile(calm.latencies, 0.99), meanwhile: percentile(busy.latencies, 0.99) }
    return [
      {
        figure: 'requests of others failed',
        value: failures.length,
        unit: '',
        atMost: 0,
        of: calm.sent + busy.sent,
        detail: failures[0]?.what,
      },
      { figure: 'p99 of others before', value: p99.before, unit: 'ms', info: true },
      { figure: 'p99 of others meanwhile', value: p99.meanwhile, unit: 'ms', info: true },
      {
        figure: 'p99 meanwhile ÷ before',
        value: p99.meanwhile / p99.before,
        unit: '',
        atMost: pick({ ci: 2, normal: 1.2, long: 1.2 }),
      },
      { figure: 'memory taken', value: grown, unit: 'MiB', atMost: 128 },
      { figure: 'heads not cut off', value: dripping, unit: '', atMost: 0, of: LORISES / 2 },
      { figure: 'bodies not cut off', value: stopped, unit: '', atMost: 0, of: LORISES / 2 },
      { figure: 'deaf clients not cut off', value: unread, unit: '', atMost: 0, of: DEAF },
      { figure: 'gateway alive', value: edge.process.gone() ? 0 : 1, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault

const HALF_BODY = 'POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf'

const origin = (context: FaultContext) =>
  startOrigin(context, ({ url }, response) => response.end(url === '/large' ? LARGE : '{}'))

/** Each says its first words at once, and then drips, until it is cut off. */
function crowd(
  { after }: FaultContext,
  port: number,
  count: number,
  words: (i: number) => readonly [string, string],
): Socket[] {
  const sockets = Array.from({ length: count }, (_, i) => {
    const [first, drip] = words(i)
    const socket = connect(port, '127.0.0.1', () => socket.write(first))
    socket.on('error', () => socket.destroy())
    if (drip !== '') {
      const timer = setInterval(() => socket.write(drip), DRIP_MS)
      socket.once('close', () => clearInterval(timer))
    }
    return socket
  })
  after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return sockets
}
