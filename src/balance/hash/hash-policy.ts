/** What all hash policies share: the table per snapshot, the bound on load, and what to do without a key. */
import type { Endpoint, Policy, PolicyName, PolicyOptions } from '../contract.ts'
import { perSnapshot } from '../eligible.ts'
import { p2c } from '../policy/p2c.ts'
import { withinBound } from './bounded-load.ts'

export interface HashTable {
  /**
   * Offers endpoints (by index) to `accept` in this table's order for `key` until one is accepted; returns it, or -1.
   * The order must depend on the key alone, so that a refused endpoint moves none but its own keys.
   */
  find(key: string, accept: (index: number) => boolean): number
}

/**
 * A request without a key is chosen by P2C: an empty key would put all such requests on one endpoint. So is one for which
 * the table holds no eligible endpoint (two with the same `host:port`, or more endpoints than slots).
 */
export function hashPolicy(
  name: PolicyName,
  options: PolicyOptions,
  build: (endpoints: readonly Endpoint[]) => HashTable,
): Policy {
  const table = perSnapshot(build)
  const keyless = p2c(options)
  return {
    name,
    pick(endpoints, { hashKey, eligible }) {
      const admits =
        options.boundedLoad === undefined ? eligible : withinBound(endpoints, eligible, options.boundedLoad)
      const accept = (index: number) => admits === undefined || admits(endpoints[index]!)
      const index = hashKey ? table(endpoints).find(hashKey, accept) : -1
      return endpoints[index] ?? keyless.pick(endpoints, { eligible: admits })
    },
  }
}

/** Offers the owners from `start` on, round and round, each endpoint once; -1 when all `count` have refused. */
export function walkOwners(
  owners: Uint32Array,
  start: number,
  count: number,
  accept: (index: number) => boolean,
): number {
  let refused: Set<number> | undefined
  for (let step = 0; step < owners.length && refused?.size !== count; step++) {
    const owner = owners[(start + step) % owners.length]!
    if (refused?.has(owner)) continue
    if (accept(owner)) return owner
    refused ??= new Set()
    refused.add(owner)
  }
  return -1
}
