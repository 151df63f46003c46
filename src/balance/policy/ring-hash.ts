/**
 * Ketama consistent hashing, the ring of nginx's `hash … consistent` and of Pingora: 160 points per unit of weight, CRC-32.
 * An endpoint that leaves moves its own keys only. Shares vary by about 1/√(points): ± 8 % with one unit of weight each.
 */
import type { Policy, PolicyFactory, PolicyOptions } from '../contract.ts'
import { type EnvoyRingOptions, envoyRing } from '../hash/envoy-ring.ts'
import { hashPolicy } from '../hash/hash-policy.ts'
import { ketamaRing } from '../hash/ketama.ts'

export const ringHash: PolicyFactory = (options) => hashPolicy('ring-hash', options, ketamaRing)

/**
 * The same over Envoy's ring (xxHash64), for callers that share keys with an Envoy. Envoy's own minimum of 1024 points in all
 * would give a hundred endpoints eleven each, and one of them 1.8 times its share; so it grows with their number unless set.
 */
export function envoyRingHash(options: PolicyOptions & EnvoyRingOptions): Policy {
  const { ringSize, minimumRingSize = ringSize, maximumRingSize } = options
  return hashPolicy('envoy-ring-hash', options, (endpoints) =>
    envoyRing(endpoints, {
      minimumRingSize: minimumRingSize ?? Math.max(1024, POINTS_PER_ENDPOINT * endpoints.length),
      maximumRingSize,
    }),
  )
}

const POINTS_PER_ENDPOINT = 100
