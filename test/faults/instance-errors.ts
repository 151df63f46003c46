/** R5: one of three instances answers 500 at once, which makes it look the fastest and the least loaded. */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { attemptsOf, share } from './harness/shares.ts'
import { startStage } from './harness/stage.ts'

export default {
  name: 'instance-errors',
  what: 'one of three instances answers 500 at once (R5)',
  ci: true,
  alone: true,
  async run(context) {
    const { pick } = context
    const stage = await startStage(context, { env: { ECHO_MS: '10' } })
    const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 400, normal: 2000, long: 2000 }) })
    await pause(500)
    const broken = stage.instances[0]!
    const since = performance.now() - load.startedAt
    const began = Date.now()
    await broken.set({ ms: 0, status: 500 })
    await pause(2000 + pick({ ci: 3000, normal: 20_000, long: 60_000 }))
    const { sent, failures, latencies } = await load.stop()
    const late = failures.filter(({ atMs }) => atMs > since + 2000).length
    const of = Math.round(
      sent * (1 - (since + 2000) / (latencies.length === 0 ? 1 : performance.now() - load.startedAt)),
    )
    const part = share(attemptsOf(stage.accessLines()), broken.id, began + 2000)
    return [
      { figure: 'failed calls after 2 s', value: (100 * late) / of, unit: '%', atMost: 0.5, of },
      { figure: 'failed calls until then', value: failures.length - late, unit: '', info: true },
      { figure: 'its share after 2 s', value: 100 * part, unit: '%', atMost: 100 / 3 },
    ]
  },
} satisfies Fault
