/** The ring of Envoy's ring_hash policy: points xxHash64("key_k"), as many per endpoint as its share of the ring's size. */
import type { Endpoint } from '../contract.ts'
import { lowerBound } from '../eligible.ts'
import { type HashTable, walkOwners } from './hash-policy.ts'
import { xxHash64 } from './xxhash64.ts'

export interface EnvoyRingOptions {
  /** Points at least, default 1024: few. For shares within 10 % of the fair one give 100 per endpoint. */
  readonly minimumRingSize?: number | undefined
  /** Points at most, default 8,388,608; gRPC caps at 4096. */
  readonly maximumRingSize?: number | undefined
}

export interface EnvoyRing {
  readonly hashes: BigUint64Array
  readonly owners: Uint32Array
}

/** @throws RangeError when the minimum exceeds the maximum. */
export function envoyRing(endpoints: readonly Endpoint[], options: EnvoyRingOptions = {}): HashTable {
  const { hashes, owners } = envoyPoints(endpoints, options)
  return {
    find: (key, accept) => walkOwners(owners, lowerBound(hashes, xxHash64(key).toBigInt()), endpoints.length, accept),
  }
}

export function envoyPoints(
  endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[],
  { minimumRingSize = 1024, maximumRingSize = 8_388_608 }: EnvoyRingOptions = {},
): EnvoyRing {
  if (minimumRingSize > maximumRingSize) {
    throw new RangeError(`minimumRingSize ${minimumRingSize} exceeds maximumRingSize ${maximumRingSize}`)
  }
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const least = endpoints.reduce((min, { weight }) => Math.min(min, weight / weights), 1)
  const scale = Math.min(Math.ceil(least * minimumRingSize) / least, maximumRingSize)
  const points: { hash: bigint; owner: number }[] = []
  let target = 0
  for (const [owner, { key, weight }] of endpoints.entries()) {
    target += scale * (weight / weights)
    for (let k = 0; points.length < target; k++) points.push({ hash: xxHash64(`${key}_${k}`).toBigInt(), owner })
  }
  points.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0))
  return {
    hashes: BigUint64Array.from(points, ({ hash }) => hash),
    owners: Uint32Array.from(points, ({ owner }) => owner),
  }
}
