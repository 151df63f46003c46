/**
 * Zones by weight, wherever the caller is: each zone gets its weight, less what it lacks in healthy instances beyond
 * over-provisioning (1.4, as for priority). For zones of unlike size, or for moving from one to another by and by. A zone without a
 * weight gets nothing while one that has a weight can serve. Source: Envoy's locality weighted balancing.
 */
import type { Endpoint } from '../contract.ts'
import type { IsHealthy, Part, ScopeFactory } from './contract.ts'
import { ownOf, partsBy, placeOf, whileSame } from './scoped.ts'

const OVERPROVISIONING = 140

export function zoneWeights(weights: Readonly<Record<string, number>>): ScopeFactory {
  const effectiveWeights = ([, ...zones]: readonly Part[], healthy: IsHealthy) =>
    zones.map(({ members }) => {
      const weight = ownOf(weights, zoneOf(members[0]!))
      return effectiveWeight(weight, members.filter(healthy).length, members.length)
    })
  return ({ random }) => {
    const weightsNow = whileSame(effectiveWeights)
    return {
      parts: (endpoints) => [
        { name: 'all', members: endpoints },
        ...partsBy(endpoints, zoneOf).map(({ name, members }) => ({ name: `zone ${name}`, members })),
      ],
      shares(parts, healthy) {
        const effective = effectiveWeights(parts, healthy)
        return effective.some((weight) => weight > 0) ? [0, ...effective] : [1, ...effective]
      },
      asked(parts, healthy) {
        const [all, ...zones] = parts
        const effective = weightsNow(parts, healthy)
        const sum = effective.reduce((total, weight) => total + weight, 0)
        const drawn = sum > 0 ? zones[placeOf(random() * sum, effective)] : undefined
        return drawn === undefined ? [{ part: all! }] : [{ part: drawn }, { part: all! }]
      },
    }
  }
}

/** In percent of the weight, not rounded. */
export function effectiveWeight(weight: number, healthy: number, total: number): number {
  return weight * Math.min(100, (OVERPROVISIONING * healthy) / total)
}

function zoneOf({ meta }: Endpoint): string {
  return meta?.['zone'] ?? ''
}
