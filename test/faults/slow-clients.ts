/**
 * Clients that take their time: requests half sent (in the head, in the body), answers and event streams that are asked for and
 * never read. Others must be served as before, memory stay bounded, and the half-sent ones be cut off.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { startRegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { INSPECTED, liveMiB } from './harness/live-heap.ts'
import { percentile } from './harness/percentile.ts'

const KEYS = 40
const VALUE_BYTES = 25_000
/** The head has 10 s, the whole request 30 s, and it is looked every 5 s. */
const CUT_MS = 36_000

export default {
  name: 'slow-clients',
  what: '1,000 half-sent requests, 300 clients that never read their large answers, 100 event streams never read',
  ci: false,
  async run(context) {
    const { after, dir, pick } = context
    const registry = await startRegistryProcess(['--data', dir], INSPECTED)
    after(() => registry.close())
    const { url } = registry
    for (let i = 0; i < KEYS; i++) await put(`${url}/v1/kv/big/${i}`, 'v'.repeat(VALUE_BYTES))
    const calm = await visit(url, pick({ ci: 300, normal: 1000, long: 5000 }))
    const before = await liveMiB(registry.output)

    const half = open(context, url, 1000, (i) => (i % 2 === 0 ? HALF_HEAD : HALF_BODY))
    const deaf = open(context, url, 300, () => 'GET /v1/kv/big/?recurse HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(20))
    const streams = open(context, url, 100, () => 'GET /v1/skein/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    await Promise.all([half, deaf, streams].map(({ sent }) => sent))
    const sent = performance.now()
    for (const socket of half.sockets) socket.resume() // else it would not see its end; the others never read a byte
    const changes = change(url, pick({ ci: 200, normal: 2000, long: 20_000 }))
    const busy = await visit(url, pick({ ci: 300, normal: 1000, long: 5000 }))
    const failedWrites = await changes
    const grown = (await liveMiB(registry.output)) - before
    const left = CUT_MS - (performance.now() - sent)
    await eventually('their end', async () => half.sockets.every(({ closed }) => closed), left).catch(() => false)
    const stay = half.sockets.filter(({ closed }) => !closed).length
    context.log(`the last half-sent request was cut after ${Math.round(performance.now() - sent)} ms`)

    return [
      { figure: 'requests of others failed', value: busy.failed, unit: '', atMost: 0, of: busy.latencies.length },
      { figure: 'writes of others failed', value: failedWrites, unit: '', atMost: 0 },
      { figure: 'p99 of others before', value: percentile(calm.latencies, 0.99), unit: 'ms', info: true },
      { figure: 'p99 of others meanwhile', value: percentile(busy.latencies, 0.99), unit: 'ms', atMost: 100 },
      { figure: 'memory taken', value: grown, unit: 'MiB', atMost: 64 },
      { figure: 'half-sent requests not cut off', value: stay, unit: '', atMost: 0, of: half.sockets.length },
    ]
  },
} satisfies Fault

const HALF_HEAD = 'PUT /v1/kv/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '
const HALF_BODY = 'PUT /v1/kv/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf'

function open({ after }: FaultContext, url: string, count: number, text: (i: number) => string) {
  const port = Number(new URL(url).port)
  const sent: Promise<void>[] = []
  const sockets = Array.from({ length: count }, (_, i) => {
    const socket: Socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    sent.push(new Promise((resolve) => socket.once('connect', () => socket.write(text(i), () => resolve()))))
    return socket
  })
  after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { sockets, sent: Promise.all(sent) }
}

async function visit(url: string, count: number): Promise<{ failed: number; latencies: number[] }> {
  const latencies: number[] = []
  let failed = 0
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    const answer = await request(`${url}/v1/health/service/moving?passing`, { headersTimeout: 5000 })
    await answer.body.dump()
    latencies.push(performance.now() - started)
    if (answer.statusCode !== 200) failed++
    await pause(2)
  }
  return { failed, latencies }
}

/** What the event streams would have to hear. */
async function change(url: string, count: number): Promise<number> {
  let failed = 0
  for (let i = 0; i < count; i++) {
    const body = { ID: `moving-${i % 20}`, Name: 'moving', Port: 1000 + i, Meta: { filler: 'm'.repeat(400) } }
    if (!(await put(`${url}/v1/agent/service/register`, JSON.stringify(body)))) failed++
  }
  return failed
}

async function put(url: string, body: string): Promise<boolean> {
  const answer = await request(url, { method: 'PUT', body })
  await answer.body.dump()
  return answer.statusCode === 200
}
