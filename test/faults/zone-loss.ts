/** R21: all instances of one of three zones go at once: dead, so that connections are refused, or dark, so that nothing answers. */
import { setTimeout as pause } from 'node:timers/promises'
import { startLoad } from '../support/load.ts'
import type { Fault, Row } from './harness/contract.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf } from './harness/shares.ts'
import { startStage } from './harness/stage.ts'

const ZONES = 3
const PER_ZONE = 2

export default {
  name: 'zone-loss',
  what: 'all instances of one of three zones die or freeze at once (R21)',
  ci: true,
  async run(context) {
    const { pick } = context
    const zoneOf = (number: number) => ((number - 1) % ZONES) + 1
    const stage = await startStage(context, {
      instances: ZONES * PER_ZONE,
      env: (number) => ({ SKEIN_ZONE: `zone-${zoneOf(number)}` }),
    })
    const rows: Row[] = []
    for (const [how, signal, withinMs] of [
      ['refused', 'SIGKILL', 1000],
      ['dark', 'SIGSTOP', 2000],
    ] as const) {
      const zone = stage.instances.filter((_, i) => zoneOf(i + 1) === 1)
      const load = startLoad({ url: `${stage.url}/echo`, ratePerSecond: pick({ ci: 300, normal: 2000, long: 2000 }) })
      await pause(500)
      stage.accessLines()
      const lost = Date.now()
      for (const one of zone) one.signal(signal)
      await pause(pick({ ci: 2500, normal: 8000, long: 60_000 }))
      const sent = attemptsOf(stage.accessLines()).filter(({ at }) => at > lost)
      for (const one of zone) {
        if (signal === 'SIGSTOP') one.signal('SIGCONT')
        else await one.restart()
      }
      await stage.settled(ZONES * PER_ZONE)
      const result = await load.stop()
      // Now and then one request asks whether it is back: that is not traffic to it.
      const busy = sent.filter(({ instance }) => zone.some(({ id }) => id === instance)).map(({ at }) => at - lost)
      const late = busy.filter((ms) => ms > withinMs).length
      rows.push(...failureRow(result).map((row) => ({ ...row, figure: `${how}: ${row.figure}` })), {
        figure: `${how}: attempts on it after ${withinMs} ms`,
        value: (100 * late) / sent.length,
        unit: '%',
        atMost: 1,
        of: sent.length,
      })
    }
    return rows
  },
} satisfies Fault
