/** Short scenarios drawn at random, with a policy each, for the invariants. */
import type { BalanceConfig } from '../balance/balance-config.ts'
import type { HedgePolicy } from '../client/hedge-policy.ts'
import { below, type Random, seeded } from '../core/random.ts'
import type { InstanceSpec, Latency, Scenario, ScenarioEvent, SimulationResult } from './contract.ts'
import { Invariants } from './invariants.ts'
import { meanOf } from './latency.ts'
import { simulate } from './simulate.ts'

export interface RandomCase {
  readonly scenario: Scenario
  readonly balance: BalanceConfig
  readonly hedge?: HedgePolicy | undefined
  readonly boundedLoad?: number
  readonly noneStarves: boolean
}

/** @throws Error when an invariant does not hold; it names the seed. */
export function checkSeed(seed: number): SimulationResult {
  const drawn = randomCase(seed)
  const observer = new Invariants(drawn)
  try {
    const result = simulate({ ...drawn, seed, observer })
    observer.finished(drawn.scenario, result)
    return result
  } catch (error) {
    throw new Error(`seed ${seed}, balance ${JSON.stringify(drawn.balance)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

export function randomCase(seed: number): RandomCase {
  const random = seeded(seed)
  const count = 1 + below(random, 6)
  const alike = random() < 0.5
  const latency = drawKind(random)
  const instances = Array.from({ length: count }, (_, i) =>
    alike ? { ...instance(i, random), latency, weight: 1, concurrency: 1 } : instance(i, random),
  )
  const utilisation = 0.2 + 1.3 * random()
  const requests = 30 + below(random, 50)
  const lengthMs = (requests * meanOf(latency)) / (count * utilisation)
  const events = random() < 0.4 ? [] : drawEvents(instances, lengthMs, random)
  const [attemptTimeoutMs, callers, keys] = [50 + below(random, 2000), 1 + below(random, 2), 1 + below(random, 50)]
  const scenario = { name: `seed ${seed}`, instances, utilisation, requests, events, attemptTimeoutMs, callers, keys }
  const drawn = drawBalance(random, alike && requests / (count * callers) >= 12)
  const hedge =
    random() < 0.3 ? { delayMs: pick([0, 30, 'p90'] as const, random), max: 1 + below(random, 2) } : undefined
  return { scenario, ...drawn, hedge }
}

function instance(index: number, random: Random): InstanceSpec {
  return {
    id: `i${index}`,
    latency: drawKind(random),
    concurrency: 1 + below(random, 3),
    weight: 1 + below(random, 5),
    meta: { zone: pick(['a', 'b', 'c'], random), priority: String(below(random, 2)) },
  }
}

function drawKind(random: Random): Latency {
  const ms = 2 * 300 ** random()
  return pick<Latency>(
    [
      { kind: 'constant', ms },
      { kind: 'exponential', meanMs: ms },
      { kind: 'lognormal', medianMs: ms, sigma: 1 },
    ],
    random,
  )
}

/** An instance that is removed stays out of it: no later event names it. */
function drawEvents(instances: readonly InstanceSpec[], lengthMs: number, random: Random): ScenarioEvent[] {
  const times = Array.from({ length: 1 + below(random, 5) }, () => random() * lengthMs).sort((a, b) => a - b)
  const left = instances.map(({ id }) => id)
  return times.flatMap((atMs, i): ScenarioEvent[] => {
    const what = pick(['kill', 'hang', 'fail', 'heal', 'slow', 'flaky', 'add', 'remove'] as const, random)
    const id = pick(left, random)
    if (what === 'slow') return [{ atMs, do: what, instance: id, factor: 1 + 10 * random() }]
    if (what === 'flaky') return [{ atMs, do: what, instance: id, part: 1 - random() }]
    if (what === 'add') return [{ atMs, do: what, instance: instance(100 + i, random) }]
    if (what === 'remove' && left.length === 1) return []
    if (what === 'remove') left.splice(left.indexOf(id), 1)
    return [{ atMs, do: what, instance: id }]
  })
}

/** Hash policies and those that compare loads may leave an instance out for good; with scopes all may. */
function drawBalance(random: Random, alike: boolean): Omit<RandomCase, 'scenario'> {
  const kind = below(random, 4)
  if (kind === 0) return { balance: pick(PLAIN, random), noneStarves: alike }
  if (kind === 1) return { balance: { policy: 'hash', on: 'ip', using: pick(TABLES, random) }, noneStarves: false }
  if (kind === 2) {
    const boundedLoad = 1 + below(random, 100) / 100
    const using = pick(TABLES, random)
    return { balance: { policy: 'hash', on: 'ip', using, boundedLoad }, boundedLoad, noneStarves: false }
  }
  const policy = pick(['p2c', 'least-request', 'edf', 'round-robin', 'weighted-round-robin'] as const, random)
  return { balance: { policy, ...pick(PLACES, random), ...pick(SCOPES, random) }, noneStarves: false }
}

const PLAIN: readonly BalanceConfig[] = [
  'p2c',
  { policy: 'p2c', load: 'in-flight' },
  { policy: 'p2c', load: 'utilisation' },
  'least-request',
  { policy: 'least-request', load: 'peak-ewma' },
  'round-robin',
  'weighted-round-robin',
  'edf',
  (endpoints, { random }) => pick(endpoints, random),
]
const TABLES = ['ring', 'envoy-ring', 'rendezvous'] as const
const PLACES = [{}, { zone: { own: 'a', minInstances: 2 } }, { zoneWeights: { a: 2, b: 1 } }] as const
const SCOPES = [
  {},
  { priority: true },
  { aperture: 2 },
  { slowStart: 5 },
  { subset: { zone: 'a' }, otherwise: 'any' },
] as const

function pick<T>(list: readonly T[], random: Random): T {
  return list[below(random, list.length)]!
}
