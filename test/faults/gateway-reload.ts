/**
 * 100 new configs under load, by the registry's KV as `skein up` gives them: routes come, go and change their policy. No request
 * may fail, and every socket that the gateway took it must give back.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { RouteConfig } from '../../src/gateway/contract.ts'
import { startLoad } from '../support/load.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { type Edge, socketsOf, startEdge } from './harness/edge.ts'
import { startOrigin } from './harness/origin.ts'
import { failureRow, p99Row } from './harness/rows.ts'

/** Between two configs: under load each gets some requests. */
const PAUSE_MS = 100
/** Beyond it idle connections of the gateway to upstreams are closed. */
const IDLE_MS = 15_000

export default {
  name: 'gateway-reload',
  what: '100 reloads of the gateway under constant load',
  ci: true,
  async run(context) {
    const { pick, log } = context
    const [first, second] = [await upstream(context), await upstream(context)]
    const edge = await startEdge(context, { first, second }, routes(0), { SKEIN_LOG_LEVEL: 'warn' })
    await warmUp(edge)
    const before = socketsOf(edge.process.pid)
    const ratePerSecond = pick({ ci: 300, normal: 1000, long: 2000 })
    let n = 0
    const paths = ['/first', '/second', '/moving']
    const load = startLoad({ url: () => edge.url + paths[n++ % paths.length], ratePerSecond, limitMs: 300_000 })
    const reloads = pick({ ci: 30, normal: 100, long: 100 })
    for (let i = 1; i <= reloads; i++) {
      await edge.configure(routes(i))
      await pause(PAUSE_MS)
    }
    const seconds = (performance.now() - load.startedAt) / 1000
    const result = await load.stop()
    const most = socketsOf(edge.process.pid)
    await eventually('the sockets', async () => socketsOf(edge.process.pid) <= before, IDLE_MS).catch(() => undefined) // counted below
    const after = socketsOf(edge.process.pid)
    log(`${reloads} reloads in ${seconds.toFixed(1)} s; sockets ${before} before, ${most} under load, ${after} after`)
    return [
      { figure: 'reloads', value: reloads, unit: '', atLeast: reloads },
      ...failureRow(result),
      { figure: 'sockets leaked', value: Math.max(0, after - before), unit: '', atMost: 0, of: most },
      p99Row('p99', result.latencies, { info: true }),
      { figure: 'gateway alive', value: edge.process.gone() ? 0 : 1, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault

/** One table follows the other: names, order, limits, policies and targets change, what is asked for is always there. */
function routes(i: number): RouteConfig[] {
  const even = i % 2 === 0
  const stays: RouteConfig[] = [
    { name: `first ${i}`, path: '/first', to: 'first', balance: even ? 'p2c' : 'round-robin' },
    { name: `second ${i}`, path: '/second', to: 'second', timeoutMs: 5000 + i },
    { name: `moving ${i}`, path: '/moving', to: even ? 'first' : 'second', methods: ['GET'] },
  ]
  const comes: RouteConfig[] = Array.from({ length: i % 20 }, (_, n) => ({
    name: `other ${i} ${n}`,
    host: `h${n}.example`,
    path: `/${i}/*`,
    to: 'first',
  }))
  return even ? [...stays, ...comes] : [...comes, ...stays.reverse()]
}

const upstream = (context: FaultContext) => startOrigin(context, (_, response) => response.end('{}'))

/** Watches and pools are opened with the first calls and configs: they are no leak. */
async function warmUp(edge: Edge): Promise<void> {
  const { url, process } = edge
  const load = startLoad({ url: `${url}/first`, ratePerSecond: 50 })
  const other = startLoad({ url: `${url}/second`, ratePerSecond: 50 })
  for (let i = 200; i < 205; i++) await edge.configure(routes(i))
  await pause(1000)
  await Promise.all([load.stop(), other.stop()])
  let last = Number.POSITIVE_INFINITY
  await eventually('a quiet gateway', async () => {
    const now = socketsOf(process.pid)
    const settled = now === last
    last = now
    await pause(2000)
    return settled
  })
}
