/** R19: three times as many calls as the service has capacity for. What it accepts must stay good, and the rest be told at once. */
import type { Fault } from './harness/contract.ts'
import { callAtRate, succeeded } from './harness/open-loop.ts'
import { percentile } from './harness/percentile.ts'
import { startStage } from './harness/stage.ts'

const WIDTH = 8
const MS = 40
const INSTANCES = 2
const CAPACITY = (INSTANCES * WIDTH * 1000) / MS

export default {
  name: 'overload',
  what: `three times the capacity of ${CAPACITY} calls/s (R19)`,
  ci: false,
  async run(context) {
    const { pick, log } = context
    const env = { ECHO_WIDTH: String(WIDTH), ECHO_MS: String(MS) }
    const stage = await startStage(context, { instances: INSTANCES, env })
    const url = `${stage.url}/echo`
    const [calmMs, stormMs] = pick({ ci: [2000, 6000], normal: [10_000, 60_000], long: [10_000, 60_000] }) as [
      number,
      number,
    ]
    await callAtRate(url, CAPACITY / 2, 1000)
    const calm = await callAtRate(url, CAPACITY * 0.9, calmMs)
    const storm = await callAtRate(url, CAPACITY * 3, stormMs)
    const after = await callAtRate(url, CAPACITY * 0.9, 10_000)

    const peak = (succeeded(calm).length * 1000) / calmMs
    const goodput = (succeeded(storm).filter(({ dueMs, ms }) => dueMs + ms <= stormMs).length * 1000) / stormMs
    const rejected = storm.filter(({ status }) => status === 503 || status === 429)
    const lost = storm.filter(({ status }) => ![200, 429, 503].includes(status))
    const baseline = percentile(
      succeeded(calm).map(({ ms }) => ms),
      0.99,
    )
    log(
      `peak ${peak.toFixed(0)}/s, goodput ${goodput.toFixed(0)}/s, p99 when calm ${baseline.toFixed(0)} ms, ${lost.length} neither served nor refused`,
    )
    const recovered = after.filter(({ status, ms }) => status !== 200 || ms > 2 * baseline).at(-1)?.dueMs ?? 0
    return [
      { figure: 'goodput', value: (100 * goodput) / peak, unit: '% of peak', atLeast: 80, of: storm.length },
      {
        figure: 'p99 of what was served',
        value:
          percentile(
            succeeded(storm).map(({ ms }) => ms),
            0.99,
          ) / baseline,
        unit: '× calm',
        atMost: 2,
      },
      {
        figure: 'p50 of refusals',
        value: percentile(
          rejected.map(({ ms }) => ms),
          0.5,
        ),
        unit: 'ms',
        atMost: 10,
        of: rejected.length,
      },
      { figure: 'neither served nor refused', value: lost.length, unit: '', atMost: 0, of: storm.length },
      { figure: 'normal again after', value: recovered, unit: 'ms', atMost: 9900 },
    ]
  },
} satisfies Fault
