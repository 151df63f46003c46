/** nginx's ip_hash as a policy. The key is the client's address; one that is none, or finds nobody, is chosen for by P2C. */
import type { PolicyFactory } from '../contract.ts'
import { hashPolicy } from '../hash/hash-policy.ts'
import { ipHashTables } from '../hash/ip-hash.ts'

export const ipHash: PolicyFactory = (options) => hashPolicy('ip-hash', options, ipHashTables)
