/** R9: the registry answers nothing, nonsense, errors, half an answer or not at all, and one instance dies meanwhile. */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import { eventually } from '../support/up.ts'
import type { Fault, Row } from './harness/contract.ts'
import { LIES, type Lie, startLyingRegistry } from './harness/lying-registry.ts'
import { cpuMs } from './harness/process.ts'
import { failureRow } from './harness/rows.ts'
import { startStage } from './harness/stage.ts'

export default {
  name: 'registry-lies',
  what: 'the registry answers [], 500, garbage, half answers, index 0, nothing; an instance dies meanwhile (R9)',
  ci: true,
  async run(context) {
    const { pick } = context
    let target = ''
    const proxy = await startLyingRegistry(context, () => target)
    const stage = await startStage(context, {
      registryAt(url) {
        target = url
        return proxy.url
      },
    })
    const rows: Row[] = []
    const lies = Object.keys(LIES) as Lie[]
    for (const lie of pick({ ci: lies.slice(0, 3), normal: lies, long: lies })) {
      const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 200, normal: 1000, long: 2000 }) })
      const lieMs = pick({ ci: 700, normal: 8000, long: 60_000 })
      await pause(100)
      const asked = proxy.asked()
      const cpu = cpuMs(stage.instances[2]!.pid)
      proxy.tell(lie)
      await eventually(`somebody to hear ${lie}`, async () => proxy.asked() > asked)
      await pause(lieMs / 2)
      const victim = stage.instances[0]!
      victim.signal('SIGKILL')
      await pause(lieMs / 2)
      const perSecond = ((proxy.asked() - asked) * 1000) / lieMs
      context.log(
        `${lie}: ${perSecond.toFixed(1)} requests/s at the registry, an instance used ${cpuMs(stage.instances[2]!.pid) - cpu} ms of CPU`,
      )
      proxy.tell(undefined)
      await victim.restart()
      await stage.settled(3)
      rows.push(...failureRow(await load.stop()).map((row) => ({ ...row, figure: `${lie}: ${row.figure}` })))
      rows.push({ figure: `${lie}: requests of a client`, value: perSecond / 4, unit: '/s', atMost: 20 })
    }
    return rows
  },
} satisfies Fault
