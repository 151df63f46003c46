/** What makes no sense in a scenario: found before it runs, as its figures would be nonsense or none. */
import type { InstanceSpec, Latency, Scenario, ScenarioEvent } from './contract.ts'
import { KEYS_MAX } from './moved-keys.ts'

/** Each worker is looked at for each request. */
const CONCURRENCY_MAX = 10_000
/** As in the registry. */
const WEIGHT_MAX = 65_535
const CALLERS_MAX = 100_000

/** All that is wrong, each in a sentence. */
export function wrongIn(scenario: Scenario): string[] {
  const { instances, utilisation, requests, events = [] } = scenario
  const { callers = 1, keys = 1, attempts = 1, attemptTimeoutMs = 1 } = scenario
  const all = [...instances, ...events.flatMap((event) => (event.do === 'add' ? [event.instance] : []))]
  return [
    instances.length === 0 && 'it has no instances at the start',
    new Set(all.map(({ id }) => id)).size < all.length && 'two instances have the same id',
    !isAbove0(utilisation) && `utilisation ${utilisation} is not above 0`,
    !isWhole(requests, 1) && `requests ${requests} is not a whole number above 0`,
    !isWhole(callers, 1, CALLERS_MAX) && `callers ${callers} is not a whole number from 1 to ${CALLERS_MAX}`,
    !isWhole(keys, 1, KEYS_MAX) && `keys ${keys} is not a whole number from 1 to ${KEYS_MAX}`,
    !isWhole(attempts, 1) && `attempts ${attempts} is not a whole number above 0`,
    !isAbove0(attemptTimeoutMs) && `attemptTimeoutMs ${attemptTimeoutMs} is not above 0`,
    ...all.flatMap(wrongInInstance),
    ...wrongInEvents(instances, events),
  ].filter((wrong) => wrong !== false)
}

function wrongInInstance({ id, latency, concurrency = 1, weight = 1 }: InstanceSpec): (string | false)[] {
  const name = `instance ${JSON.stringify(id)}`
  return [
    !isLatency(latency) &&
      `${name}: latency ${JSON.stringify(latency)} is none of constant with ms, exponential with meanMs, lognormal with medianMs and sigma, all above 0`,
    !isWhole(concurrency, 1, CONCURRENCY_MAX) &&
      `${name}: concurrency ${concurrency} is not a whole number from 1 to ${CONCURRENCY_MAX}`,
    !isWhole(weight, 0, WEIGHT_MAX) && `${name}: weight ${weight} is not a whole number from 0 to ${WEIGHT_MAX}`,
  ]
}

function isLatency(latency: Latency): boolean {
  if (latency.kind === 'constant') return isAbove0(latency.ms)
  if (latency.kind === 'exponential') return isAbove0(latency.meanMs)
  return latency.kind === 'lognormal' && isAbove0(latency.medianMs) && isAbove0(latency.sigma)
}

const DEEDS: readonly ScenarioEvent['do'][] = ['kill', 'hang', 'fail', 'heal', 'slow', 'flaky', 'add', 'remove']

/** In the order of their times. Who has been removed can still be broken, for what is under way. */
function wrongInEvents(instances: readonly InstanceSpec[], events: readonly ScenarioEvent[]): (string | false)[] {
  const running = new Set(instances.map(({ id }) => id))
  const removed = new Set<string>()
  const added = events.flatMap((event) => (event.do === 'add' ? [event.instance.id] : []))
  const unlessLater = (id: string) => (added.includes(id) ? ' yet at that time' : ': it needs more instances')
  return [...events]
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap((event) => {
      const id = event.do === 'add' ? event.instance.id : event.instance
      const isUnknown = event.do !== 'add' && !running.has(id)
      const isGone = event.do === 'remove' && removed.has(id)
      running.add(id)
      if (event.do === 'remove') removed.add(id)
      return [
        !(event.atMs >= 0 && event.atMs < Number.POSITIVE_INFINITY) && `an event's atMs ${event.atMs} is no time`,
        !DEEDS.includes(event.do) && `an event does ${JSON.stringify(event.do)} (known: ${DEEDS.join(', ')})`,
        event.do === 'slow' && !isAbove0(event.factor) && `an event's factor ${event.factor} is not above 0`,
        event.do === 'flaky' &&
          !(event.part > 0 && event.part <= 1) &&
          `an event's part ${event.part} is not above 0 and at most 1`,
        isUnknown && `an event names instance ${JSON.stringify(id)}, which it does not have${unlessLater(id)}`,
        isGone && `instance ${JSON.stringify(id)} is removed twice`,
      ]
    })
}

function isAbove0(value: number): boolean {
  return value > 0 && value < Number.POSITIVE_INFINITY
}

function isWhole(value: number, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
