/**
 * Weighted rendezvous (highest random weight): every endpoint draws a number from key and name, score -weight / ln(u), the
 * highest wins. Exact shares, no table, and an endpoint that leaves moves its own keys only. Its price is a look at each, a third of
 * a nanosecond, for a key that has not come lately. The draw is Envoy's. Without the mixing in it, names that differ in the last
 * character would differ in a few bits only and get a quarter or four times their share.
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998.
 */
import type { PolicyFactory } from '../contract.ts'
import { hashPolicy } from '../hash/hash-policy.ts'
import { rendezvousTables } from '../hash/rendezvous-table.ts'

export const rendezvous: PolicyFactory = (options) => hashPolicy('rendezvous', options, rendezvousTables)
