/** The ring of Envoy's ring_hash policy: points xxHash64("key_k"), as many per endpoint as its share of the ring's size. */
import type { Endpoint } from '../contract.ts'
import { type TableKeeper, walkOwners } from './hash-policy.ts'
import { type HashPoints, type Member, type Points, pointAt, RingKeeper } from './ring.ts'
import { Word } from './word.ts'
import { xxHash64 } from './xxhash64.ts'

export interface EnvoyRingOptions {
  /** Points at least, as Envoy counts them. Default: by the number of endpoints, see `steadyCounts`. */
  readonly minimumRingSize?: number | undefined
  /** Points at most, default 8,388,608; gRPC caps at 4096. */
  readonly maximumRingSize?: number | undefined
}

type Weighted = Pick<Endpoint, 'key' | 'weight'>

export function envoyTables(options: EnvoyRingOptions = {}): TableKeeper {
  return () => {
    const ring = new RingKeeper(hashPoints)
    const wanted = new Word()
    return (endpoints) => {
      const points = ring.update(membersOf(endpoints, options))
      return {
        find(key, admits) {
          xxHash64(key, 0, wanted)
          return walkOwners(points, pointAt(points, wanted.hi >>> 0, wanted.lo >>> 0), endpoints, admits)
        },
      }
    }
  }
}

/** @throws RangeError when the minimum exceeds the maximum. */
export function envoyPoints(endpoints: readonly Weighted[], options: EnvoyRingOptions = {}): Points {
  return new RingKeeper(hashPoints).update(membersOf(endpoints, options))
}

function membersOf(endpoints: readonly Weighted[], options: EnvoyRingOptions): Member[] {
  const counts = isSized(options) ? envoyCounts(endpoints, options) : steadyCounts(endpoints)
  return endpoints.map(({ key }, index) => ({ key, points: counts[index]! }))
}

function isSized({ minimumRingSize, maximumRingSize }: EnvoyRingOptions): boolean {
  return minimumRingSize !== undefined || maximumRingSize !== undefined
}

/** Envoy's count for each endpoint; it may change for all when one comes or goes, so for a ring shared with an Envoy only. */
function envoyCounts(
  endpoints: readonly Weighted[],
  { minimumRingSize = 1024, maximumRingSize = 8_388_608 }: EnvoyRingOptions,
): number[] {
  if (minimumRingSize > maximumRingSize) {
    throw new RangeError(`minimumRingSize ${minimumRingSize} exceeds maximumRingSize ${maximumRingSize}`)
  }
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const least = endpoints.reduce((min, { weight }) => Math.min(min, weight / weights), 1)
  const scale = Math.min(Math.ceil(least * minimumRingSize) / least, maximumRingSize)
  let [size, target] = [0, 0]
  return endpoints.map(({ weight }) => {
    target += scale * (weight / weights)
    const count = Math.max(0, Math.ceil(target - size))
    size += count
    return count
  })
}

const POINTS_PER_ENDPOINT = 100
const POINTS_LEAST = 1024
/** So that a ring of some ten thousand endpoints takes a second to build and not five. */
const POINTS_ENOUGH = 2 ** 21

/**
 * A power of two for each unit of weight, so that on average an endpoint has at least 100 points (fewer, beyond 20,000), and the ring 1024. Envoy's own
 * default of 1024 in all would give a hundred endpoints eleven each, and one of them 1.8 times its share. A power, because a count
 * that followed the number of endpoints would change for all with each that comes or goes, and move keys that need not move.
 */
function steadyCounts(endpoints: readonly Weighted[]): number[] {
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const wanted = Math.min(POINTS_ENOUGH, Math.max(POINTS_LEAST, POINTS_PER_ENDPOINT * endpoints.length))
  const perWeight = 2 ** Math.ceil(Math.log2(wanted / weights))
  return endpoints.map(({ weight }) => Math.ceil(weight * perWeight))
}

const point = new Word()

const hashPoints: HashPoints = ({ key, points }, hi, lo, at) => {
  for (let k = 0; k < points; k++) {
    xxHash64(`${key}_${k}`, 0, point)
    hi[at + k] = point.hi
    lo[at + k] = point.lo
  }
}
