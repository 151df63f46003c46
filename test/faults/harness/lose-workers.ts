/** A gateway's workers ended one after the other under constant load, answers taking a while so that many are always under way. */
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { eventually } from '../../support/up.ts'
import type { FaultContext } from './contract.ts'
import { startEdge } from './edge.ts'
import { startOrigin } from './origin.ts'

const WORKERS = 2
const ANSWER_MS = 50
const BETWEEN_MS = 500

interface Call {
  readonly beganAt: number
  endedAt: number | undefined
  failure: string | undefined
}

export interface Losses {
  readonly count: number
  readonly calls: number
  /** When the signals came, or until the worker had gone. */
  readonly underWay: number
  readonly failed: readonly Call[]
  /** Of those that were not under way at a signal. */
  readonly others: readonly Call[]
  readonly longestMs: number
  readonly alive: boolean
}

export async function loseWorkers(context: FaultContext, signal: NodeJS.Signals): Promise<Losses> {
  const { pick, log } = context
  const slow = await startOrigin(context, (_, response) => void setTimeout(() => response.end('{}'), ANSWER_MS))
  const routes = [{ name: 'slow', path: '/*', to: 'slow' }]
  const edge = await startEdge(context, { slow }, routes, { SKEIN_LOG_LEVEL: 'error' }, WORKERS)
  const load = startCalls(`${edge.url}/`, pick({ ci: 200, normal: 600, long: 1000 }))
  const ends: { readonly at: number; readonly goneAt: number; readonly tookMs: number }[] = []
  for (let i = 0; i < pick({ ci: 3, normal: 10, long: 40 }); i++) {
    await pause(BETWEEN_MS)
    const victim = (await edge.workers())[i % WORKERS]!
    const at = performance.now()
    process.kill(victim, signal)
    // Its connections are closed before it is noticed to have gone; who calls until then may meet one that dies.
    await eventually('the end of one', async () => !(await edge.workers()).includes(victim))
    const goneAt = performance.now()
    await eventually('another worker', async () => (await edge.workers()).length === WORKERS && (await edge.ready()))
    ends.push({ at, goneAt, tookMs: performance.now() - at })
  }
  await pause(BETWEEN_MS)
  const calls = await load.stop()
  const failed = calls.filter(({ failure }) => failure !== undefined)
  const near = ({ at, goneAt }: (typeof ends)[0], call: Call) =>
    call.beganAt < goneAt && (call.endedAt ?? Infinity) >= at
  const underWay = ends.map((end) => calls.filter((call) => near(end, call)).length)
  log(`${calls.length} calls, ${ends.length} workers, under way at each ${underWay.join(' ')}, ${failed.length} failed`)
  return {
    count: ends.length,
    calls: calls.length,
    underWay: underWay.reduce((sum, one) => sum + one, 0),
    failed,
    others: failed.filter((call) => !ends.some((end) => near(end, call))),
    longestMs: Math.max(...ends.map(({ tookMs }) => tookMs)),
    alive: !edge.process.gone(),
  }
}

/** Open loop over kept connections. */
function startCalls(url: string, perSecond: number): { stop(): Promise<Call[]> } {
  const agent = new Agent({ connections: 256 })
  const calls: Call[] = []
  const pending = new Set<Promise<void>>()
  const one = async (call: Call) => {
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent, headersTimeout: 10_000 })
      await body.dump()
      if (statusCode !== 200) call.failure = `status ${statusCode}`
    } catch (error) {
      call.failure = String(error)
    }
    call.endedAt = performance.now()
  }
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * perSecond
    while (calls.length < due) {
      const call: Call = { beganAt: performance.now(), endedAt: undefined, failure: undefined }
      calls.push(call)
      const sent = one(call).finally(() => pending.delete(sent))
      pending.add(sent)
    }
  }, 5)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(pending)
      await agent.close()
      return calls
    },
  }
}
