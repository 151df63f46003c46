/** R7: the registry comes back and has forgotten everything. */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import { eventually } from '../support/up.ts'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { get, startStage } from './harness/stage.ts'

export default {
  name: 'registry-empty',
  what: 'the registry is killed and comes back empty (R7)',
  ci: true,
  async run(context) {
    const { pick } = context
    const stage = await startStage(context)
    const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 300, normal: 1000, long: 2000 }) })
    const full: number[] = []
    for (let turn = 0; turn < pick({ ci: 1, normal: 5, long: 5 }); turn++) {
      await pause(500)
      await stage.registry.signal('SIGKILL')
      await stage.registry.restart()
      const back = performance.now()
      await eventually('the full catalogue', async () => {
        const listed = JSON.parse((await get(`${stage.registry.url}/v1/health/service/echo?passing`)).text) as unknown[]
        return listed.length === 3
      })
      full.push(performance.now() - back)
    }
    await pause(1000)
    return [
      ...failureRow(await load.stop()),
      { figure: 'time to the full catalogue', value: Math.max(...full), unit: 'ms', atMost: 10_000, of: full.length },
    ]
  },
} satisfies Fault
