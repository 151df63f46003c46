/**
 * R19 for handlers that compute: nothing runs beside them, so that nothing waits inside the process where it could be counted. Its
 * p99 only tells: at 70 % such a service has a queue of its own making.
 */
import type { Fault } from './harness/contract.ts'
import { startStage } from './harness/stage.ts'
import { stormRows } from './harness/storm.ts'

const BURN_MS = 4

export default {
  name: 'overload-computing',
  what: `three times the capacity of one instance whose handlers compute for ${BURN_MS} ms (R19)`,
  ci: false,
  alone: true,
  async run(context) {
    const stage = await startStage(context, { instances: 1, env: { ECHO_MS: '0', ECHO_BURN_MS: String(BURN_MS) } })
    const calmMs = context.pick({ ci: 2000, normal: 10_000, long: 10_000 })
    const stormMs = context.pick({ ci: 4000, normal: 30_000, long: 60_000 })
    const url = `${stage.url}/echo`
    const { served, ...rows } = await stormRows({ url, capacity: 1000 / BURN_MS, calm: 0.7, calmMs, stormMs }, context)
    return [...Object.values(rows), { figure: served.figure, value: served.value, unit: served.unit, info: true }]
  },
} satisfies Fault
