/** R6: the registry is killed for a while, and one instance with it; calls go on, and all is well when it is back. */
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf } from './harness/shares.ts'
import { startStage } from './harness/stage.ts'

export default {
  name: 'registry-down',
  what: 'kill -9 of the registry for a while, and of one instance meanwhile (R6)',
  ci: true,
  limitMs: { normal: 120_000 },
  async run(context) {
    const { dir, pick } = context
    const stage = await startStage(context, { store: ['--data', path.join(dir, 'data')] })
    const load = startLoad({
      ...{ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 300, normal: 1000, long: 2000 }) },
      limitMs: pick({ ci: 60_000, normal: 120_000, long: 700_000 }),
    })
    await pause(500)
    const downMs = pick({ ci: 3000, normal: 60_000, long: 600_000 })
    await stage.registry.signal('SIGKILL')
    await pause(downMs / 2)
    const victim = stage.instances[0]!
    const killed = Date.now()
    victim.signal('SIGKILL')
    await pause(downMs / 2)
    const tried = attemptsOf(stage.accessLines()).filter(({ at, instance }) => at > killed && instance === victim.id)
    await stage.registry.restart()
    await victim.restart()
    const back = performance.now()
    await stage.settled(3)
    const backMs = performance.now() - back
    const result = await load.stop()
    return [
      ...failureRow(result),
      { figure: 'attempts on the dead instance', value: tried.length, unit: '', info: true },
      { figure: 'all there after its return', value: backMs, unit: 'ms', atMost: 10_000 },
    ]
  },
} satisfies Fault
