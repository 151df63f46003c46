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
  const keys: string[] = []
  const ownerOf: number[] = []
  let target = 0
  for (const [owner, { key, weight }] of endpoints.entries()) {
    target += scale * (weight / weights)
    for (let k = 0; keys.length < target; k++) {
      keys.push(`${key}_${k}`)
      ownerOf.push(owner)
    }
  }
  return sortedRing(keys, ownerOf)
}

/**
 * As much of each hash as fits is packed with the point's index into one double: typed arrays sort numbers natively, a
 * hundred times faster than BigInts by a comparison. What is equal so far is put in order by the whole hash.
 */
function sortedRing(keys: readonly string[], ownerOf: readonly number[]): EnvoyRing {
  const hashes = BigUint64Array.from(keys, (key) => xxHash64(key).toBigInt())
  const indexBits = Math.max(1, Math.ceil(Math.log2(keys.length)))
  const indices = 2 ** indexBits
  const dropped = BigInt(64 - (53 - indexBits))
  const packed = Float64Array.from(hashes, (hash, index) => Number(hash >> dropped) * indices + index).sort()
  const order = Uint32Array.from(packed, (point) => point % indices)
  for (let at = 1; at < order.length; at++) {
    for (let to = at; to > 0 && hashes[order[to]!]! < hashes[order[to - 1]!]!; to--) {
      const [later, earlier] = [order[to]!, order[to - 1]!]
      order[to] = earlier
      order[to - 1] = later
    }
  }
  return {
    hashes: BigUint64Array.from(order, (point) => hashes[point]!),
    owners: Uint32Array.from(order, (point) => ownerOf[point]!),
  }
}
