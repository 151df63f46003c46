/** A calm, three times the capacity, and a calm again: what is served, how soon the rest is told, and when all is as before. */
import type { FaultContext, Row } from './contract.ts'
import { type Called, callAtRate, succeeded } from './open-loop.ts'
import { percentile } from './percentile.ts'

const AFTER_MS = 10_000
/** What a process may be stopped for by others on the machine, ms. */
const NOISE_MS = 50

export interface Storm {
  readonly url: string
  /** Calls a second that can be served at most. */
  readonly capacity: number
  /** Share of it that is called when calm. */
  readonly calm: number
  readonly calmMs: number
  readonly stormMs: number
}

export async function stormRows({ url, capacity, calm: share, calmMs, stormMs }: Storm, { log, pick }: FaultContext) {
  await callAtRate(url, capacity / 2, 1000)
  const calm = await callAtRate(url, capacity * share, calmMs)
  const storm = await callAtRate(url, capacity * 3, stormMs)
  const after = await callAtRate(url, capacity * share, AFTER_MS)

  const peak = (succeeded(calm).length * 1000) / calmMs
  const goodput = (succeeded(storm).filter(({ dueMs, ms }) => dueMs + ms <= stormMs).length * 1000) / stormMs
  const rejected = storm.filter(({ status }) => status === 503 || status === 429)
  const lost = storm.filter(({ status }) => ![200, 429, 503].includes(status))
  const baseline = p(succeeded(calm), 0.99)
  // The limits are found in the first half second, in which calls wait for that long: of those served in a minute about a
  // hundredth, of those in the few seconds of CI many more.
  const settled = succeeded(storm).filter(({ dueMs }) => dueMs >= pick({ ci: 1000, normal: 0, long: 0 }))
  log(`peak ${peak.toFixed(0)}/s, goodput ${goodput.toFixed(0)}/s, p99 when calm ${baseline.toFixed(0)} ms`)
  return {
    goodput: { figure: 'goodput', value: (100 * goodput) / peak, unit: '% of peak', atLeast: 80, of: storm.length },
    served: {
      figure: 'p99 of what was served',
      value: p(settled, 0.99) / baseline,
      unit: '× calm',
      atMost: 2,
    },
    refused: { figure: 'p50 of refusals', value: p(rejected, 0.5), unit: 'ms', atMost: 10, of: rejected.length },
    lost: { figure: 'neither served nor refused', value: lost.length, unit: '', atMost: 0, of: storm.length },
    after: {
      figure: 'normal again after',
      value: recoveredMs(after, 2 * baseline + NOISE_MS),
      unit: 'ms',
      atMost: AFTER_MS - 1,
    },
  } satisfies Record<string, Row>
}

const p = (calls: readonly Called[], q: number) =>
  percentile(
    calls.map(({ ms }) => ms),
    q,
  )

/** The end of the last second in which more than one call of a hundred failed or was slow: as many are slow when all is well. */
function recoveredMs(calls: readonly Called[], slowMs: number): number {
  let recovered = 0
  for (let from = 0; from < AFTER_MS; from += 1000) {
    const second = calls.filter(({ dueMs }) => dueMs >= from && dueMs < from + 1000)
    const bad = second.filter(({ status, ms }) => status !== 200 || ms > slowMs)
    if (bad.length > second.length / 100) recovered = from + 1000
  }
  return recovered
}
