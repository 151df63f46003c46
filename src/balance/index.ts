/** `skein/balance`: who gets the next request. Every policy can be tried on one's own numbers, with a seeded generator. */

export { type Clock, systemClock, VirtualClock } from '../core/clock.ts'
export { type Random, seeded, systemRandom } from '../core/random.ts'
export { type BackoffOptions, backoffMs, retryAfterMs } from './backoff.ts'
export type { BalanceConfig, HashTableName, OwnPolicy, StickyBalance } from './balance-config.ts'
export type {
  Endpoint,
  HashKeySource,
  Load,
  PickRequest,
  Policy,
  PolicyFactory,
  PolicyName,
  PolicyOptions,
} from './contract.ts'
export { checkHashKeySource, hashKeyOf, type KeyedRequest } from './hash-key.ts'
export { inFlight } from './load/in-flight.ts'
export { type PeakEwmaOptions, peakEwma } from './load/peak-ewma.ts'
export { type UtilisationOptions, utilisation } from './load/utilisation.ts'
export { FAILURE_PENALTY_MS, LOADS, type LoadName, penalised } from './loads.ts'
export { LOAD_REPORT_HEADER, reportedUtilisation } from './orca.ts'
export { createOutlier, type FailureKind, type Outlier, type OutlierOptions, type OutlierState } from './outlier.ts'
export { checkBalance, createPolicy, type ParsedBalance, POLICIES, parseBalance } from './policies.ts'
export { envoyRingHash } from './policy/ring-hash.ts'
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.ts'
export type { ApertureOptions, PriorityOptions, ScopeOptions, ZoneOptions } from './scope-options.ts'
export { type SlowStartOptions, slowStartFactor } from './slow-start.ts'
