/**
 * Own zone first, and no more to the others than it cannot carry: traffic between zones is slow and is paid for. When the zone's part
 * of the healthy instances is at least its part of the callers, everything stays. Otherwise as much stays as it has capacity
 * for, and the rest goes to zones that have some to spare. Off with few instances, or with one zone: then all are one list.
 * The arithmetic is Envoy's zone-aware routing, in parts of 10,000.
 */
import { below, type Random } from '../../core/random.ts'
import type { Endpoint } from '../contract.ts'
import type { ZoneOptions } from '../scope-options.ts'
import type { IsHealthy, Part, ScopeFactory } from './contract.ts'
import { ownOf, partsBy, placeOf, whileSame } from './scoped.ts'

export interface ZoneSplit {
  /** Of 10,000 requests so many stay in the own zone; the others go by residual capacity. */
  readonly direct: number
  readonly residual: readonly number[]
}

const WHOLE = 10_000
const ALL = 'all'

export function zone({ own, callers, minInstances = 6 }: ZoneOptions): ScopeFactory {
  const split = (parts: readonly Part[], healthy: IsHealthy) =>
    splitOf(parts.slice(1), own, callers, minInstances, healthy)
  return ({ random }) => {
    const splitNow = whileSame(split)
    return {
      /** The whole list first; zones are told apart from it by a prefix. */
      parts: (endpoints) => [{ name: ALL, members: endpoints }, ...partsBy(endpoints, (one) => `zone ${zoneOf(one)}`)],
      asked(parts, healthy) {
        const [all, ...zones] = parts
        const now = splitNow(parts, healthy)
        const drawn = now && zones[drawZone(zones, own, now, random)]
        return drawn === undefined ? [{ part: all! }] : [{ part: drawn }, { part: all! }]
      },
      shares(parts, healthy) {
        const now = split(parts, healthy)
        if (now === undefined) return parts.map((_, i) => (i === 0 ? 1 : 0))
        const { direct, residual } = now
        return parts.map(({ name }, i) => {
          if (i === 0) return 0
          return name === `zone ${own}` ? direct : direct === WHOLE ? 0 : residual[i - 1]!
        })
      },
    }
  }
}

function zoneOf({ meta }: Endpoint): string {
  return meta?.['zone'] ?? ''
}

function splitOf(
  zones: readonly Part[],
  own: string,
  callers: ZoneOptions['callers'],
  minInstances: number,
  healthy: IsHealthy,
): ZoneSplit | undefined {
  const names = zones.map(({ name }) => name.slice('zone '.length))
  const upstream = zones.map(({ members }) => members.filter(healthy).length)
  const away = names.includes(own) ? [] : [own]
  const local = [...names, ...away].map((name) => (callers === undefined ? 1 : ownOf(callers, name)))
  return zoneSplit(local, [...upstream, ...away.map(() => 0)], [...names, ...away].indexOf(own), minInstances)
}

/** undefined: off. `local` are callers, `upstream` healthy instances, both by zone; `own` is the caller's. */
export function zoneSplit(
  local: readonly number[],
  upstream: readonly number[],
  own: number,
  minInstances = 6,
): ZoneSplit | undefined {
  if (sum(upstream) < Math.max(1, minInstances) || local.length < 2 || !(local[own]! > 0)) return undefined
  const localParts = partsOfWhole(local)
  const upstreamParts = partsOfWhole(upstream)
  const enough = upstreamParts[own]! >= localParts[own]!
  return {
    direct: enough ? WHOLE : Math.floor((WHOLE * upstreamParts[own]!) / localParts[own]!),
    residual: upstreamParts.map((part, zone) => (zone === own ? 0 : Math.max(0, part - localParts[zone]!))),
  }
}

function drawZone(zones: readonly Part[], own: string, { direct, residual }: ZoneSplit, random: Random): number {
  if (below(random, WHOLE) < direct) return zones.findIndex(({ name }) => name === `zone ${own}`)
  return placeOf(below(random, sum(residual)), residual)
}

function partsOfWhole(counts: readonly number[]): number[] {
  const total = sum(counts)
  return counts.map((count) => Math.floor((WHOLE * count) / total))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
