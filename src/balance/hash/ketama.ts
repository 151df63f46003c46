/**
 * The ketama ring as nginx and Pingora build it: for a server `HOST:PORT`, h₁ = crc32(HOST 0 PORT 0000) and
 * hₙ = crc32(HOST 0 PORT hₙ₋₁), 160 of them per unit of weight. A key belongs to the first point at or after crc32(key).
 */
import type { Endpoint } from '../contract.ts'
import { lowerBound } from '../eligible.ts'
import { crc32, crc32Word } from './crc32.ts'
import { type HashTable, walkOwners } from './hash-policy.ts'

const POINTS_PER_WEIGHT = 160
/** Above this many points (16 MiB while sorting) each unit of weight gets fewer, at least one: nginx would go on growing. */
const POINTS_MAX = 2 ** 21

export interface Ring {
  /** Ascending, without repetition. */
  readonly hashes: Uint32Array
  /** Index of the endpoint at each point. */
  readonly owners: Uint32Array
}

export function ketamaRing(endpoints: readonly Endpoint[]): HashTable {
  const { hashes, owners } = ketamaPoints(endpoints)
  return {
    find: (key, accept) => walkOwners(owners, lowerBound(hashes, crc32(key)), endpoints.length, accept),
  }
}

export function ketamaPoints(endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[]): Ring {
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  const perWeight = Math.max(1, Math.min(POINTS_PER_WEIGHT, Math.floor(POINTS_MAX / weights)))
  // Hash and owner packed into one double (32 + 21 bits): typed arrays sort numbers natively, and of equal hashes the first
  // endpoint's comes first.
  const packed = new Float64Array(weights * perWeight)
  let size = 0
  for (const [owner, { key, weight }] of endpoints.entries()) {
    const base = crc32(key.replace(/:(\d+)$|$/, '\0$1'))
    let hash = 0
    for (let point = 0; point < weight * perWeight; point++) {
      hash = crc32Word(base, hash)
      packed[size++] = hash * 2 ** 21 + owner
    }
  }
  return unpack(packed.sort())
}

function unpack(packed: Float64Array): Ring {
  const hashes = new Uint32Array(packed.length)
  const owners = new Uint32Array(packed.length)
  let size = 0
  for (const point of packed) {
    const hash = Math.floor(point / 2 ** 21)
    if (size > 0 && hashes[size - 1] === hash) continue
    hashes[size] = hash
    owners[size++] = point % 2 ** 21
  }
  return { hashes: hashes.subarray(0, size), owners: owners.subarray(0, size) }
}
