/**
 * The ketama ring as nginx and Pingora build it: for a server `HOST:PORT`, h₁ = crc32(HOST 0 PORT 0000) and
 * hₙ = crc32(HOST 0 PORT hₙ₋₁), 160 of them per unit of weight. A key belongs to the first point at or after crc32(key).
 */
import type { Endpoint } from '../contract.ts'
import { crc32, crc32Word } from './crc32.ts'
import { type TableKeeper, walkOwners } from './hash-policy.ts'
import { type HashPoints, type Member, type Points, pointAt, RingKeeper, withoutRepeats } from './ring.ts'

const POINTS_PER_WEIGHT = 160
/**
 * Above this many points (24 MiB) each unit of weight gets half as many, and so on, but each endpoint at least one: nginx would go on
 * growing. Halved, because a count that followed the weights would change for all with each that comes or goes.
 */
const POINTS_MAX = 2 ** 21

export const ketamaTables: TableKeeper = () => {
  const ring = new RingKeeper(hashPoints)
  return (endpoints) => {
    const points = ring.update(membersOf(endpoints))
    const { hi } = points
    // Of points with the same hash nginx knows the first only.
    const isRepeat = (at: number) => hi[at] === hi[at - 1]
    return {
      find: (key, admits) => walkOwners(points, pointAt(points, crc32(key), 0), endpoints, admits, isRepeat),
    }
  }
}

export function ketamaPoints(endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[]): Points {
  return withoutRepeats(new RingKeeper(hashPoints).update(membersOf(endpoints)))
}

function membersOf(endpoints: readonly Pick<Endpoint, 'key' | 'weight'>[]): Member[] {
  const weights = endpoints.reduce((sum, { weight }) => sum + weight, 0)
  let perWeight = POINTS_PER_WEIGHT
  while (perWeight * weights > POINTS_MAX) perWeight = perWeight > 1 ? Math.floor(perWeight / 2) : perWeight / 2
  return endpoints.map(({ key, weight }) => ({ key, points: Math.ceil(weight * perWeight) }))
}

const hashPoints: HashPoints = ({ key, points }, hi, _lo, at) => {
  const base = crc32(key.replace(/:(\d+)$|$/, '\0$1'))
  let hash = 0
  for (let point = 0; point < points; point++) {
    hash = crc32Word(base, hash)
    hi[at + point] = hash
  }
}
