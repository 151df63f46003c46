/** Scenarios by name. A new one is an entry here. */
import type { InstanceSpec, Scenario, ScenarioEvent } from './contract.ts'

const MEAN_MS = 20

export interface ScenarioSize {
  /** Default 10. */
  readonly instances?: number | undefined
  /** Default 0.7. */
  readonly utilisation?: number | undefined
  /** Default 50,000. */
  readonly requests?: number | undefined
  /** Default 1. */
  readonly callers?: number | undefined
}

type Case = {
  readonly about: string
  readonly change?: (spec: InstanceSpec, index: number) => InstanceSpec
  /** `at` is a part of the scenario's length, from 0 to 1. */
  readonly events?: (at: (part: number) => number, spec: (index: number) => InstanceSpec) => readonly ScenarioEvent[]
}

const broken = (how: 'kill' | 'hang' | 'fail'): NonNullable<Case['events']> => {
  return (at) => [
    { atMs: at(0.25), do: how, instance: 'i0' },
    { atMs: at(0.75), do: 'heal', instance: 'i0' },
  ]
}

const CASES: Readonly<Record<string, Case>> = {
  equal: { about: 'equal instances, exponential work' },
  tail: {
    about: 'equal instances, work with a long tail',
    change: (spec) => ({ ...spec, latency: { kind: 'lognormal', medianMs: MEAN_MS * Math.exp(-0.5), sigma: 1 } }),
  },
  weights: {
    about: 'every third instance has three workers and weight 3',
    change: (spec, index) => (index % 3 === 0 ? { ...spec, concurrency: 3, weight: 3 } : spec),
  },
  slow: {
    about: 'one instance is five times slower',
    change: (spec, index) => (index === 0 ? { ...spec, latency: { kind: 'exponential', meanMs: MEAN_MS * 5 } } : spec),
  },
  killed: { about: 'one instance is dead from a quarter to three quarters of the time', events: broken('kill') },
  hung: { about: 'one instance hangs from a quarter to three quarters', events: broken('hang') },
  failing: { about: 'one instance fails at once from a quarter to three quarters', events: broken('fail') },
  flaky: {
    about: 'one instance answers a fifth of its requests with an error, from a quarter to three quarters',
    events: (at) => [
      { atMs: at(0.25), do: 'flaky', instance: 'i0', part: 0.2 },
      { atMs: at(0.75), do: 'heal', instance: 'i0' },
    ],
  },
  scale: {
    about: 'two instances come, then three of the old ones go',
    events: (at, spec) => [
      { atMs: at(0.2), do: 'add', instance: spec(1000) },
      { atMs: at(0.4), do: 'add', instance: spec(1001) },
      ...[0, 1, 2].map((i) => ({ atMs: at(0.6 + i / 10), do: 'remove', instance: `i${i}` }) as const),
    ],
  },
}

export const SCENARIOS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(CASES).map(([name, { about }]) => [name, about]),
)

/** @throws RangeError for a name that is none. */
export function scenarioNamed(name: string, size: ScenarioSize = {}): Scenario {
  const { instances: count = 10, utilisation = 0.7, requests = 50_000, callers = 1 } = size
  const wanted = Object.hasOwn(CASES, name) ? CASES[name]! : undefined
  if (wanted === undefined) throw new RangeError(`no scenario "${name}" (known: ${Object.keys(CASES).join(', ')})`)
  const spec = (index: number): InstanceSpec => ({ id: `i${index}`, latency: { kind: 'exponential', meanMs: MEAN_MS } })
  const change = wanted.change ?? ((one) => one)
  const instances = Array.from({ length: count }, (_, index) => change(spec(index), index))
  const lengthMs = (requests * MEAN_MS) / (count * utilisation)
  return { name, instances, utilisation, requests, callers, events: wanted.events?.((part) => part * lengthMs, spec) }
}
