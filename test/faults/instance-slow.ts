/** R4: one of three instances becomes twenty times slower, and answers nevertheless. */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { percentile } from './harness/percentile.ts'
import { failureRow, p99Row } from './harness/rows.ts'
import { attemptsOf, share } from './harness/shares.ts'
import { startStage } from './harness/stage.ts'

const MS = 10
const SLOWER = 20

export default {
  name: 'instance-slow',
  what: 'one of three instances answers twenty times slower (R4)',
  ci: true,
  async run(context) {
    const { pick } = context
    const stage = await startStage(context, { env: { ECHO_MS: String(MS) } })
    const call = { url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 200, normal: 1000, long: 2000 }) }
    const measuredMs = pick({ ci: 1500, normal: 20_000, long: 60_000 })
    const before = startLoad(call)
    await pause(measuredMs)
    const calm = await before.stop()
    const slow = stage.instances[0]!
    await slow.set({ ms: MS * SLOWER })
    const learning = startLoad(call)
    await pause(5000)
    const learned = await learning.stop()
    stage.accessLines()
    const from = Date.now()
    const during = startLoad(call)
    await pause(measuredMs)
    const result = await during.stop()
    const baseline = percentile(calm.latencies, 0.99)
    return [
      ...failureRow({
        ...result,
        sent: result.sent + learned.sent,
        failures: [...learned.failures, ...result.failures],
      }),
      {
        figure: 'its share after 5 s',
        value: 100 * share(attemptsOf(stage.accessLines()), slow.id, from),
        unit: '%',
        atMost: 10,
      },
      p99Row('p99 before', calm.latencies, { info: true }),
      p99Row('p99 after 5 s', result.latencies, { atMost: Math.max(2 * baseline, baseline + (MS * SLOWER) / 2) }),
    ]
  },
} satisfies Fault
