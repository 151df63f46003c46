/** R3: SIGTERM and start of each of three instances, one after the other, under load. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { startUnderLoad } from './harness/under-load.ts'

export default {
  name: 'rolling-restart',
  what: 'SIGTERM and start of three instances, one after the other, under load (R3)',
  ci: true,
  async run(context) {
    const { pick } = context
    const { stage, load } = await startUnderLoad(context)
    await pause(300)
    for (let turn = 0; turn < pick({ ci: 3, normal: 9, long: 60 }); turn++) {
      const one = stage.instances[turn % 3]!
      one.signal('SIGTERM')
      await one.exited
      await one.restart()
      await stage.settled(3)
    }
    const result = await load.stop()
    const retried = stage.accessLines().filter(({ attempts }) => attempts.length > 1)
    const detail = retried[0] && JSON.stringify(retried[0].attempts)
    return [
      ...failureRow(result),
      { figure: 'retries', value: retried.length, unit: '', atMost: 0, of: result.sent, detail },
    ]
  },
} satisfies Fault
