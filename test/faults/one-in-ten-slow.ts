/**
 * One of ten instances is five times slower, at 70 % of what they can carry. Handlers wait and do not compute, so that two cores carry the
 * ten processes; times are drawn, as a constant one would let any policy look good. Times are those of the gateway's log: a client on the
 * same cores would measure how it is scheduled itself. Round robin is measured beside the default. Its figure is not 1, because its turns are three times what
 * the slow one can carry: in two seconds those that wait there run into their deadlines, it is ejected, has no turns while it is out, and the whole of them again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type LoadResult, startLoad } from '../support/load.ts'
import type { Fault } from './harness/contract.ts'
import { percentile } from './harness/percentile.ts'
import { failureRow } from './harness/rows.ts'
import { attemptsOf, share } from './harness/shares.ts'
import { type Stage, startStage } from './harness/stage.ts'

const INSTANCES = 10
const SLOWER = 5
const MS = 100
const WIDTH = 4
/** The slow one carries a fifth. */
const CAPACITY = ((INSTANCES - 1 + 1 / SLOWER) * WIDTH * 1000) / MS
const RATE = 0.7 * CAPACITY
const LEARNING_MS = 3000
/** Nine and ten by turns, so that both meet the same machine. */
const ROUNDS = 3

export default {
  name: 'one-in-ten-slow',
  what: `one of ${INSTANCES} instances five times slower at 70 % load: its share, and p99 beside the fleet without it`,
  ci: false,
  alone: true,
  async run(context) {
    const measuredMs = context.pick({ ci: 3000, normal: 12_000, long: 60_000 })
    const env = (number: number) => ({
      ECHO_MS: String(number === INSTANCES ? MS * SLOWER : MS),
      ECHO_WIDTH: String(WIDTH),
      ECHO_DRAWN: 'yes',
      // Only a mark in its metadata: nobody here has a zone of his own.
      SKEIN_ZONE: number === INSTANCES ? 'slow' : 'quick',
    })
    const routes = [
      { path: '/nine', balance: { subset: { zone: 'quick' } } },
      { path: '/round-robin', balance: 'round-robin' as const },
    ]
    const stage = await startStage(context, { instances: INSTANCES, env, routes })
    const nine: Measured[] = []
    const ten: Measured[] = []
    for (let round = 0; round < ROUNDS; round++) {
      nine.push(await measure(stage, '/nine', measuredMs))
      ten.push(await measure(stage, '/echo', measuredMs))
    }
    const turns = await measure(stage, '/round-robin', measuredMs)
    const { id } = stage.instances[INSTANCES - 1]!
    const fair = (all: readonly Measured[]) =>
      share(
        all.flatMap(({ attempts }) => attempts),
        id,
        0,
      ) * INSTANCES
    const without = p99(nine)
    const sent = ten.reduce((sum, one) => sum + one.sent, 0)
    return [
      ...failureRow({ ...ten[0]!, sent, failures: ten.flatMap(({ failures }) => failures) }),
      { figure: 'its share', value: fair(ten), unit: '× fair', atMost: 0.35, of: sent },
      { figure: 'p99 of the other nine alone', value: without, unit: 'ms', info: true },
      { figure: 'p99', value: p99(ten) / without, unit: '× nine', atMost: 1.5, of: sent },
      { figure: 'its share by round robin', value: fair([turns]), unit: '× fair', info: true },
      { figure: 'p99 by round robin', value: p99([turns]) / without, unit: '× nine', info: true },
      { figure: 'failed by round robin', value: turns.failures.length, unit: '', info: true, of: turns.sent },
    ]
  },
} satisfies Fault

interface Measured extends LoadResult {
  readonly attempts: ReturnType<typeof attemptsOf>
  /** Of the requests, ms. */
  readonly times: readonly number[]
}

function p99(all: readonly Measured[]): number {
  return percentile(
    all.flatMap(({ times }) => times),
    0.99,
  )
}

/** After some seconds in which the caller learns who is how quick. */
async function measure(stage: Stage, path: string, forMs: number): Promise<Measured> {
  const call = { url: stage.url + path, ratePerSecond: RATE }
  const learning = startLoad(call)
  await pause(LEARNING_MS)
  await learning.stop()
  stage.accessLines()
  const load = startLoad(call)
  await pause(forMs)
  const result = await load.stop()
  const lines = stage.accessLines()
  return { ...result, attempts: attemptsOf(lines), times: lines.map(({ durationMs }) => durationMs) }
}
