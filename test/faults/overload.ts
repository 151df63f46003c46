/** R19: three times as many calls as the service has capacity for. What it accepts must stay good, and the rest be told at once. */
import type { Fault } from './harness/contract.ts'
import { startStage } from './harness/stage.ts'
import { stormRows } from './harness/storm.ts'

const WIDTH = 8
const MS = 40
const INSTANCES = 2
const CAPACITY = (INSTANCES * WIDTH * 1000) / MS

export default {
  name: 'overload',
  what: `three times the capacity of ${CAPACITY} calls/s, of handlers that wait (R19)`,
  ci: true,
  alone: true,
  async run(context) {
    const env = { ECHO_WIDTH: String(WIDTH), ECHO_MS: String(MS) }
    const stage = await startStage(context, { instances: INSTANCES, env })
    const calmMs = context.pick({ ci: 2000, normal: 10_000, long: 10_000 })
    const stormMs = context.pick({ ci: 6000, normal: 60_000, long: 60_000 })
    const url = `${stage.url}/echo`
    return Object.values(await stormRows({ url, capacity: CAPACITY, calm: 0.9, calmMs, stormMs }, context))
  },
} satisfies Fault
