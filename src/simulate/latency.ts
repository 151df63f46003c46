/** Times of work drawn from a distribution. */
import type { Random } from '../core/random.ts'
import type { Latency } from './contract.ts'

export function drawLatency(latency: Latency, random: Random): number {
  if (latency.kind === 'constant') return latency.ms
  if (latency.kind === 'exponential') return exponential(latency.meanMs, random)
  return latency.medianMs * Math.exp(latency.sigma * normal(random))
}

export function meanOf(latency: Latency): number {
  if (latency.kind === 'constant') return latency.ms
  if (latency.kind === 'exponential') return latency.meanMs
  return latency.medianMs * Math.exp(latency.sigma ** 2 / 2)
}

export function exponential(mean: number, random: Random): number {
  return -mean * Math.log(1 - random())
}

/** Box and Muller's method. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
