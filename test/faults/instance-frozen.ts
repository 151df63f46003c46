/** R2: SIGSTOP of one of three instances under load: it accepts connections and never answers. Then it thaws. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf, quietAfter, share } from './harness/shares.ts'
import { startUnderLoad } from './harness/under-load.ts'

export default {
  name: 'instance-frozen',
  what: 'SIGSTOP of one of three instances under load, and SIGCONT (R2)',
  ci: true,
  alone: true,
  async run(context) {
    const { pick } = context
    const { stage, load } = await startUnderLoad(context)
    await pause(500)
    const victim = stage.instances[0]!
    const frozen = Date.now()
    victim.signal('SIGSTOP')
    await pause(pick({ ci: 4000, normal: 15_000, long: 60_000 }))
    victim.signal('SIGCONT')
    await stage.settled(3)
    await pause(1000)
    const result = await load.stop()
    const thawed = Date.now()
    const sent = attemptsOf(stage.accessLines())
    return [
      ...failureRow(result),
      {
        figure: 'its share is below 1 % after',
        value: quietAfter(
          sent.filter(({ at }) => at < thawed - 1500),
          victim.id,
          frozen,
        ),
        unit: 'ms',
        atMost: 2000,
      },
      { figure: 'its share after it thawed', value: 100 * share(sent, victim.id, thawed - 500), unit: '%', atLeast: 1 },
    ]
  },
} satisfies Fault
