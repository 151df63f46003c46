/**
 * Levels of priority with failover: level 0 gets everything while enough of it is healthy, then as much goes on to the next
 * level as it lacks. `overprovisioning` says what enough is: with 1.4, 72 % healthy still counts as whole. The arithmetic is
 * Envoy's code, in whole numbers (load_balancer_impl.cc); its manual rounds otherwise in three places.
 */
import { below } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import type { PriorityOptions } from '../scope-options.ts'
import type { IsHealthy, Part, ScopeFactory } from './contract.ts'
import { partsBy, placeOf, whileSame } from './scoped.ts'

export interface LevelLoads {
  /** Percent of each level's own capacity that is left, over-provisioning counted. */
  readonly health: readonly number[]
  readonly normalizedTotal: number
  readonly panic: readonly boolean[]
  /** Sums to 100. */
  readonly loadPercent: readonly number[]
}

/** `panicPercent`: a level with fewer healthy is used whole, if all levels together lack capacity; 0 = never. */
export function priority(
  { key = 'priority', overprovisioning = 1.4 }: PriorityOptions = {},
  panicPercent = 0,
): ScopeFactory {
  const levelOf = ({ meta }: Endpoint) => (/^\d{1,9}$/.test(meta?.[key] ?? '') ? Number(meta![key]) : 0)
  const loads = (parts: readonly Part[], healthy: IsHealthy) =>
    levelLoads(
      parts.map((part) => countsOf(part, healthy)),
      panicPercent,
      overprovisioning,
    )
  return ({ random }) => {
    const loadsNow = whileSame(loads)
    return {
      parts: (endpoints) =>
        partsBy(
          [...endpoints].sort((a, b) => levelOf(a) - levelOf(b)),
          (endpoint) => `priority ${levelOf(endpoint)}`,
        ),
      shares: (parts, healthy) => loads(parts, healthy).loadPercent,
      asked(parts, healthy) {
        const { loadPercent, panic } = loadsNow(parts, healthy)
        const drawn = Math.max(0, placeOf(below(random, 100), loadPercent))
        const asks = parts.map((part, level) => ({ part, panic: panic[level]! }))
        return drawn === 0 ? asks : [...asks.splice(drawn, 1), ...asks]
      },
    }
  }
}

function countsOf({ members }: Part, healthy: IsHealthy): [number, number] {
  return [members.filter(healthy).length, members.length]
}

export function levelLoads(
  healthyOfTotal: readonly (readonly [number, number])[],
  panicPercent: number,
  overprovisioning = 1.4,
): LevelLoads {
  const factor = Math.round(overprovisioning * 100)
  const health = healthyOfTotal.map(([healthy, total]) =>
    total === 0 ? 0 : Math.min(100, Math.floor((factor * healthy) / total)),
  )
  const normalizedTotal = Math.min(100, sum(health))
  const panic = healthyOfTotal.map(([healthy, total]) => normalizedTotal < 100 && healthy * 100 < panicPercent * total)
  const loadPercent = panic.every(Boolean) ? byHosts(healthyOfTotal) : byHealth(health, normalizedTotal)
  return { health, normalizedTotal, panic, loadPercent }
}

/** All in panic: nobody's health is to be believed, so hosts count. */
function byHosts(healthyOfTotal: readonly (readonly [number, number])[]): number[] {
  const hosts = healthyOfTotal.map(([, total]) => total)
  const loads = hosts.map((count) => Math.floor((100 * count) / sum(hosts)))
  return withRest(loads, (level) => hosts[level]! > 0)
}

function byHealth(health: readonly number[], total: number): number[] {
  let left = 100
  const loads = health.map((percent) => {
    const load = total === 0 ? 0 : Math.min(left, Math.floor((percent * 100) / total))
    left -= load
    return load
  })
  return withRest(loads, (level) => total === 0 || health[level]! > 0)
}

/** What rounding left over goes to the first level that may have it. */
function withRest(loads: number[], mayHave: (level: number) => boolean): number[] {
  const first = loads.findIndex((_, level) => mayHave(level))
  return loads.map((load, level) => (level === first ? load + 100 - sum(loads) : load))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
