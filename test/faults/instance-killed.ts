/** R1: kill -9 of one of three instances under load, again and again. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf } from './harness/shares.ts'
import { startUnderLoad } from './harness/under-load.ts'

export default {
  name: 'instance-killed',
  what: 'kill -9 of one of three instances under load, one after the other (R1)',
  ci: true,
  alone: true,
  async run(context) {
    const { pick } = context
    const { stage, load } = await startUnderLoad(context)
    await pause(500)
    const last: number[] = []
    for (let turn = 0; turn < pick({ ci: 2, normal: 20, long: 20 }); turn++) {
      const victim = stage.instances[turn % 3]!
      stage.accessLines()
      const killed = Date.now()
      victim.signal('SIGKILL')
      await pause(1500)
      const after = attemptsOf(stage.accessLines()).filter(({ at, instance }) => at > killed && instance === victim.id)
      last.push((after.at(-1)?.at ?? killed) - killed)
      await victim.restart()
      await stage.settled(3)
    }
    return [
      ...failureRow(await load.stop()),
      { figure: 'last attempt on a dead one', value: Math.max(...last), unit: 'ms', atMost: 250, of: last.length },
    ]
  },
} satisfies Fault
