/**
 * One of ten instances is five times slower, at 70 % of what they can carry. Handlers wait and do not compute, so that two cores carry the
 * ten processes; times are drawn, as a constant one would let any policy look good. Round robin is measured beside the default.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type LoadResult, startLoad } from '../support/load.ts'
import type { Fault, Row } from './harness/contract.ts'
import { percentile } from './harness/percentile.ts'
import { failureRow, p99Row } from './harness/rows.ts'
import { attemptsOf, share } from './harness/shares.ts'
import { type Stage, startStage } from './harness/stage.ts'

const INSTANCES = 10
const SLOWER = 5
const MS = 60
const WIDTH = 4
/** The slow one carries a fifth. */
const CAPACITY = ((INSTANCES - 1 + 1 / SLOWER) * WIDTH * 1000) / MS
const RATE = 0.7 * CAPACITY
const LEARNING_MS = 5000

export default {
  name: 'one-in-ten-slow',
  what: `one of ${INSTANCES} instances five times slower at 70 % load: its share, and p99 beside the fleet without it`,
  ci: false,
  alone: true,
  async run(context) {
    const measuredMs = context.pick({ ci: 5000, normal: 25_000, long: 60_000 })
    const env = (number: number) => ({
      ECHO_MS: String(number === INSTANCES ? MS * SLOWER : MS),
      ECHO_WIDTH: String(WIDTH),
      ECHO_DRAWN: 'yes',
    })
    const routes = [{ path: '/round-robin', balance: 'round-robin' as const }]
    const stage = await startStage(context, { instances: INSTANCES - 1, env, routes })
    const without = (await measure(stage, '/echo', measuredMs)).latencies
    const { id } = await stage.startInstance(INSTANCES)
    await stage.settled(INSTANCES)
    const rows: Row[] = [p99Row('p99 of nine', without, { info: true })]
    const p2c = await measure(stage, '/echo', measuredMs)
    const fair = (result: Measured) => share(result.attempts, id, result.from) * INSTANCES
    const ratio = (result: Measured) => percentile(result.latencies, 0.99) / percentile(without, 0.99)
    rows.push(...failureRow(p2c), { figure: 'its share', value: fair(p2c), unit: '× fair', atMost: 0.35 })
    rows.push({ figure: 'p99', value: ratio(p2c), unit: '× nine', atMost: 1.5, of: p2c.sent })
    const turns = await measure(stage, '/round-robin', measuredMs)
    rows.push({ figure: 'its share by round robin', value: fair(turns), unit: '× fair', info: true })
    rows.push({ figure: 'p99 by round robin', value: ratio(turns), unit: '× nine', info: true })
    rows.push({ figure: 'failed by round robin', value: turns.failures.length, unit: '', info: true, of: turns.sent })
    return rows
  },
} satisfies Fault

interface Measured extends LoadResult {
  readonly attempts: ReturnType<typeof attemptsOf>
  readonly from: number
}

/** After some seconds in which the caller learns who is how quick. */
async function measure(stage: Stage, path: string, forMs: number): Promise<Measured> {
  const call = { url: stage.url + path, ratePerSecond: RATE }
  const learning = startLoad(call)
  await pause(LEARNING_MS)
  await learning.stop()
  stage.accessLines()
  const from = Date.now()
  const load = startLoad(call)
  await pause(forMs)
  const result = await load.stop()
  return { ...result, attempts: attemptsOf(stage.accessLines()), from }
}
