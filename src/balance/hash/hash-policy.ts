/** What all hash policies share: the table per snapshot, the bound on load, and what to do without a key. */
import type { Endpoint, PickRequest, Policy, PolicyName, PolicyOptions } from '../contract.ts'
import { perSnapshot } from '../eligible.ts'
import { p2c } from '../policy/p2c.ts'
import { withinBound } from './bounded-load.ts'

/** Whom a look-up may give; absent = all. */
export type Admits = PickRequest['eligible']

export interface HashTable {
  /**
   * Goes through the endpoints in this table's order for `key` and returns the index of the first that is admitted, or -1.
   * The order must depend on the key alone, so that a refused endpoint moves none but its own keys.
   */
  find(key: string, admits: Admits): number
}

/** Makes the table of each snapshot in turn, so it may keep what it built for the one before. */
export type TableKeeper = () => (endpoints: readonly Endpoint[]) => HashTable

/**
 * A request without a key is chosen by P2C: an empty key would put all such requests on one endpoint. So is one for which
 * the table holds no eligible endpoint (two with the same `host:port`, or more endpoints than slots).
 */
export function hashPolicy(name: PolicyName, options: PolicyOptions, tables: TableKeeper): Policy {
  const table = perSnapshot(tables())
  const keyless = p2c(options)
  const { boundedLoad } = options
  return {
    name,
    pick(endpoints, request) {
      const { hashKey, eligible } = request
      const admits = boundedLoad === undefined ? eligible : withinBound(endpoints, eligible, boundedLoad)
      const index = hashKey ? table(endpoints).find(hashKey, admits) : -1
      if (index >= 0) return endpoints[index]
      return keyless.pick(endpoints, { eligible: admits, now: request.now })
    },
  }
}

/** Places with an owner each: the index of an endpoint or, where there are `members`, the number by which they tell it. */
interface Owners {
  readonly owners: Uint32Array
  readonly members?: Int32Array
}

/** The owners from `start` on, round and round, each endpoint once; -1 when none of them is admitted. `isPassed` places have none. */
export function walkOwners(
  { owners, members }: Owners,
  start: number,
  endpoints: readonly Endpoint[],
  admits: Admits,
  isPassed?: (at: number) => boolean,
): number {
  const indexAt = (at: number) => (members === undefined ? owners[at]! : members[owners[at]!]!)
  if (start >= owners.length) return -1
  const first = indexAt(start)
  if (admits === undefined || admits(endpoints[first]!)) return first
  const refused = new Set<number>([first])
  for (let step = 1; step < owners.length && refused.size < endpoints.length; step++) {
    const at = (start + step) % owners.length
    const index = indexAt(at)
    if (refused.has(index) || isPassed?.(at) === true) continue
    if (admits(endpoints[index]!)) return index
    refused.add(index)
  }
  return -1
}
