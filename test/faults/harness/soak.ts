/** A gateway under constant load for long while its upstreams break at random, and what it holds when that is over. */
import type { RequestListener } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { below } from '../../../src/core/random.ts'
import { eventually } from '../../support/up.ts'
import { BREAKS, type Break, breakAnswers, WHOLE_HEADER } from './broken-upstream.ts'
import type { FaultContext, Row } from './contract.ts'
import { type Edge, registerInstance, socketsOf, startEdge } from './edge.ts'
import { INSPECTED, liveMiB } from './live-heap.ts'
import { startOrigin } from './origin.ts'
import { residentMiB } from './process.ts'

const BODY = 'y'.repeat(2000)
/** Those that last are for another script: here they would only hold the load back. */
const NAMES = Object.entries(BREAKS as Readonly<Record<string, Break>>)
  .filter(([, { slow }]) => slow !== true)
  .map(([name]) => name)
/** Of the calls, one in so many goes where answers break. */
const BROKEN_ONE_IN = 10
/** More would wait in this process, and be taken for calls that hang. */
const AT_ONCE_MAX = 256
const HUNG_MS = 10_000
const PHASES = 3
/** Idle connections are closed after 4 s. */
const QUIET_MS = 6000

export interface SoakPlan {
  /** Of the gateway; 1 = it is one process. */
  readonly workers: number
  readonly seconds: number
  readonly ratePerSecond: number
}

export async function soak(context: FaultContext, { workers, seconds, ratePerSecond }: SoakPlan): Promise<Row[]> {
  const { log, after } = context
  const answer: RequestListener = (_, response) =>
    response.writeHead(200, { [WHOLE_HEADER]: String(BODY.length) }).end(BODY)
  const broken = await breakAnswers()
  after(() => broken.close())
  const edge = await startEdge(
    context,
    { good: await startOrigin(context, answer), broken: broken.port, mixed: await startOrigin(context, answer) },
    [
      { name: 'good', path: '/good', to: 'good' },
      { name: 'mixed', path: '/mixed/*', to: 'mixed' },
      { name: 'broken', path: '/*', to: 'broken', attempts: 1, timeoutMs: 2000 },
    ],
    { SKEIN_LOG_LEVEL: 'warn', ...INSPECTED },
    workers,
  )
  await registerInstance(edge.registry, 'mixed', broken.port, 2)
  const pids = [edge.process.pid, ...(workers === 1 ? [] : await edge.workers())]
  const total: Total = { sent: 0, failed: [], truncated: [], hung: [] }
  const phases: Phase[] = []
  for (let i = 0; i < PHASES; i++) {
    await callAtRate(context, edge, seconds / PHASES, ratePerSecond, total)
    phases.push(await lookAt(edge, pids))
    log(`${total.sent} calls; ${JSON.stringify(phases.at(-1))}`)
  }
  const rate = { figure: 'calls a second', value: total.sent / seconds, unit: '', info: true }
  const stayed = workers === 1 ? pids : [edge.process.pid, ...(await edge.workers())]
  return [rate, ...rows(pids, stayed, total, phases)]
}

interface Total {
  sent: number
  /** Calls to the good service that were not answered well. */
  readonly failed: string[]
  readonly truncated: string[]
  readonly hung: string[]
}

/** What the gateway holds when a phase is over. */
interface Phase {
  /** MiB after a full collection. */
  readonly live: number
  readonly resident: number
  readonly sockets: number
}

/** `pids` in the order in which they began. */
async function lookAt({ process }: Edge, pids: readonly number[]): Promise<Phase> {
  const resident = sum(pids.map(residentMiB))
  let live = 0
  for (const i of pids.keys()) live += await liveMiB(process.output, i)
  return { live, resident, sockets: await idleSockets(pids) }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

/** Open loop: calls begin at the rate whatever becomes of those before, as long as this machine keeps up. */
async function callAtRate(
  { random }: FaultContext,
  edge: Edge,
  seconds: number,
  perSecond: number,
  total: Total,
): Promise<void> {
  const agent = new Agent({ connections: AT_ONCE_MAX })
  const pending = new Set<Promise<void>>()
  const started = performance.now()
  const draw = () => NAMES[below(random, NAMES.length)]!
  const path = () =>
    below(random, BROKEN_ONE_IN) > 0 ? '/good' : below(random, 2) === 0 ? `/${draw()}` : `/mixed/${draw()}`
  const before = total.sent
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - started) {
    for (
      const due = before + (elapsed / 1000) * perSecond;
      total.sent < due && pending.size < AT_ONCE_MAX;
      total.sent++
    ) {
      const one = call(agent, edge.url, path(), total).finally(() => pending.delete(one))
      pending.add(one)
    }
    await pause(5)
  }
  await Promise.all(pending)
  await agent.destroy()
}

async function call(agent: Agent, url: string, path: string, { failed, truncated, hung }: Total): Promise<void> {
  try {
    const signal = AbortSignal.timeout(HUNG_MS)
    const { statusCode, headers, body } = await request(url + path, { dispatcher: agent, signal })
    const text = await body.text()
    if (statusCode === 200 && text.length !== Number(headers[WHOLE_HEADER]))
      truncated.push(`${path}: ${text.length} bytes`)
    if (statusCode !== 200 && path === '/good') failed.push(`${statusCode} ${text}`)
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') hung.push(path)
    else if (path === '/good') failed.push(String(error))
  }
}

/** What is left when clients have gone and idle connections had their time; the watches of the registry stay. */
async function idleSockets(pids: readonly number[]): Promise<number> {
  let last = Number.NaN
  await eventually('a quiet gateway', async () => {
    const now = sum(pids.map(socketsOf))
    const settled = now === last
    last = now
    await pause(QUIET_MS)
    return settled
  })
  return last
}

function rows(
  pids: readonly number[],
  stayed: readonly number[],
  { sent, failed, truncated, hung }: Total,
  phases: readonly Phase[],
): Row[] {
  const none = (figure: string, found: readonly string[]): Row => ({
    ...{ figure, value: found.length, unit: '', atMost: 0, of: sent, detail: found[0] },
  })
  // The first phase warms up: pools, series and the JIT's code are made once.
  const [, middle, last] = phases as [Phase, Phase, Phase]
  return [
    none('calls to the good service failed', failed),
    none('truncated answers shown as whole', truncated),
    none('calls without an end', hung),
    { figure: 'live memory at the end', value: last.live, unit: 'MiB', info: true },
    { figure: 'resident memory at the end', value: last.resident, unit: 'MiB', info: true },
    { figure: 'sockets at rest at the end', value: last.sockets, unit: '', info: true },
    { figure: 'live memory, last third', value: last.live - middle.live, unit: 'MiB', atMost: 2 * pids.length },
    {
      figure: 'resident memory, last third',
      value: last.resident - middle.resident,
      unit: 'MiB',
      atMost: 32 * pids.length,
    },
    { figure: 'sockets at rest, last third', value: last.sockets - middle.sockets, unit: '', atMost: 0 },
    {
      figure: 'processes that stayed',
      value: stayed.filter((pid) => pids.includes(pid)).length,
      unit: '',
      atLeast: pids.length,
    },
  ]
}
