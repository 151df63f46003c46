/** `skein/simulate`: a policy tried on one's own numbers: instances, latencies, faults and changes, on a virtual clock. */

export type { BalanceConfig, OwnPolicy } from '../balance/balance-config.ts'
export type {
  InstanceSpec,
  Latency,
  ObservedCandidate,
  ObservedPick,
  Observer,
  Scenario,
  ScenarioEvent,
  SimulationOptions,
  SimulationResult,
} from './contract.ts'
export { type InvariantOptions, Invariants } from './invariants.ts'
export { checkSeed } from './random-scenario.ts'
export { SCENARIOS, type ScenarioSize, scenarioNamed } from './scenarios.ts'
export { simulate } from './simulate.ts'
