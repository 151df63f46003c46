/**
 * kill -9 of one worker of a gateway after the other under constant load, answers taking a while so that many are always under way.
 * What the dead one had is lost, about half of them; nothing else may be, and another worker takes its place.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { startEdge } from './harness/edge.ts'
import { startOrigin } from './harness/origin.ts'

const WORKERS = 2
const ANSWER_MS = 50
/** A call that begins so soon after a kill may meet a connection that dies at this moment. */
const DYING_MS = 100
const BETWEEN_MS = 500

interface Call {
  readonly beganAt: number
  endedAt: number | undefined
  failure: string | undefined
}

export default {
  name: 'gateway-worker-killed',
  what: 'kill -9 of one of two workers of the gateway, again and again under constant load',
  ci: true,
  async run(context) {
    const { pick, log } = context
    const slow = await startOrigin(context, (_, response) => void setTimeout(() => response.end('{}'), ANSWER_MS))
    const routes = [{ name: 'slow', path: '/*', to: 'slow' }]
    const edge = await startEdge(context, { slow }, routes, { SKEIN_LOG_LEVEL: 'error' }, WORKERS)
    const load = startCalls(`${edge.url}/`, pick({ ci: 200, normal: 600, long: 1000 }))
    const kills: { readonly at: number; readonly tookMs: number }[] = []
    for (let i = 0; i < pick({ ci: 3, normal: 10, long: 40 }); i++) {
      await pause(BETWEEN_MS)
      const victim = (await edge.workers())[i % WORKERS]!
      const at = performance.now()
      process.kill(victim, 'SIGKILL')
      await eventually('another worker', async () => {
        const pids = await edge.workers()
        return pids.length === WORKERS && !pids.includes(victim) && (await edge.ready())
      })
      kills.push({ at, tookMs: performance.now() - at })
    }
    await pause(BETWEEN_MS)
    const calls = await load.stop()
    const failed = calls.filter(({ failure }) => failure !== undefined)
    const near = (at: number, call: Call) => call.beganAt < at + DYING_MS && (call.endedAt ?? Infinity) >= at
    const underWay = kills.map(({ at }) => calls.filter((call) => near(at, call)).length)
    const others = failed.filter((call) => !kills.some(({ at }) => near(at, call)))
    log(
      `${calls.length} calls, ${kills.length} kills, under way at each ${underWay.join(' ')}, ${failed.length} failed`,
    )
    const all = underWay.reduce((sum, one) => sum + one, 0)
    return [
      { figure: 'failed calls for each kill', value: failed.length / kills.length, unit: '', info: true },
      { figure: 'failed, of those under way', value: failed.length, unit: '', atMost: all, of: all },
      {
        figure: 'other calls failed',
        value: others.length,
        unit: '',
        atMost: 0,
        of: calls.length,
        detail: others[0]?.failure,
      },
      {
        figure: 'longest until another serves',
        value: Math.max(...kills.map(({ tookMs }) => tookMs)),
        unit: 'ms',
        atMost: 3000,
      },
      { figure: 'gateway alive', value: edge.process.gone() ? 0 : 1, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault

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
