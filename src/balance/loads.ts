/** The load metrics by the name used in configs. A new one is a file in load/ and a line here. */
import type { Clock } from '../core/clock.ts'
import type { Load } from './contract.ts'
import { inFlight } from './load/in-flight.ts'
import { peakEwma } from './load/peak-ewma.ts'
import { utilisation } from './load/utilisation.ts'

export type LoadName = 'in-flight' | 'peak-ewma' | 'utilisation'

export const LOADS: Readonly<Record<LoadName, (options: { clock: Clock }) => Load>> = {
  'in-flight': inFlight,
  'peak-ewma': peakEwma,
  utilisation,
}

/** What a failed request counts as at least, ms: an endpoint that fails fast must not look like a fast one. */
export const FAILURE_PENALTY_MS = 1_000

/** The latency to hand to `Load.end` for a failed request. A cancelled one is ended with undefined instead. */
export function penalised(latencyMs: number): number {
  return Math.max(latencyMs, FAILURE_PENALTY_MS)
}
