/**
 * Each of three instances now and then takes half a second for what takes ten milliseconds, as with a collection of garbage or a cold
 * cache. No instance is bad, so nobody is ejected or avoided; a hedge asks a second one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { percentile } from './harness/percentile.ts'
import { failureRow, p99Row } from './harness/rows.ts'
import { type AccessLine, startStage } from './harness/stage.ts'

const PAUSE_MS = 500

export default {
  name: 'slow-tail',
  what: 'two percent of all answers take half a second longer: a route with a hedge beside one without',
  ci: false,
  async run(context) {
    const { pick } = context
    const routes = [{ path: '/hedged', hedge: { delayMs: 'p95' as const } }]
    const stage = await startStage(context, { routes, env: { ECHO_MS: '10' } })
    for (const one of stage.instances) await one.set({ pauses: { percent: 2, ms: PAUSE_MS } })
    const measured = async (path: string) => {
      const load = startLoad({ url: stage.url + path, ratePerSecond: pick({ ci: 100, normal: 300, long: 300 }) })
      await pause(pick({ ci: 3000, normal: 20_000, long: 60_000 }))
      return load.stop()
    }
    const plain = await measured('/echo')
    stage.accessLines()
    const hedged = await measured('/hedged')
    const lines = stage.accessLines()
    return [
      ...failureRow(hedged),
      p99Row('p99 without', plain.latencies, { info: true }),
      {
        figure: 'p99 with a hedge',
        value: percentile(hedged.latencies, 0.99) / percentile(plain.latencies, 0.99),
        unit: '× without',
        atMost: 0.5,
        of: hedged.sent,
      },
      { figure: 'more requests for it', value: (100 * hedges(lines)) / lines.length, unit: '%', atMost: 20 },
    ]
  },
} satisfies Fault

function hedges(lines: readonly AccessLine[]): number {
  return lines.reduce((sum, { attempts }) => sum + attempts.filter(({ hedge }) => hedge === true).length, 0)
}
