/**
 * Maglev hashing: a table of 65,537 slots, filled in weighted turns. O(1) a pick and shares equal within 1 % up to 650
 * endpoints; the price is that a leaving endpoint also moves up to about 1 % of the others' keys. Same table as Envoy's.
 * Source: Eisenbud et al., "Maglev", NSDI 2016.
 */
import type { PolicyFactory } from '../contract.ts'
import { hashPolicy } from '../hash/hash-policy.ts'
import { maglevTables } from '../hash/maglev-table.ts'

export const maglev: PolicyFactory = (options) => hashPolicy('maglev', options, maglevTables)
