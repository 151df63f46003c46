/**
 * Ketama consistent hashing, the ring of nginx's `hash … consistent` and of Pingora: 160 points per unit of weight, CRC-32.
 * An endpoint that leaves moves its own keys only. Shares vary by about 1/√(points): ± 8 % with one unit of weight each.
 */
import type { Policy, PolicyFactory, PolicyOptions } from '../contract.ts'
import { type EnvoyRingOptions, envoyTables } from '../hash/envoy-ring.ts'
import { hashPolicy } from '../hash/hash-policy.ts'
import { ketamaTables } from '../hash/ketama.ts'

export const ringHash: PolicyFactory = (options) => hashPolicy('ring-hash', options, ketamaTables)

/** The same over Envoy's ring (xxHash64), for callers that share keys with an Envoy: then `ringSize` has to be its minimum. */
export function envoyRingHash(options: PolicyOptions & EnvoyRingOptions): Policy {
  const { ringSize, minimumRingSize = ringSize, maximumRingSize } = options
  return hashPolicy('envoy-ring-hash', options, envoyTables({ minimumRingSize, maximumRingSize }))
}
