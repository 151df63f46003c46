/**
 * The scopes, in the order in which they hold: the first is around all others. A new one is a file in scope/ and an entry here.
 * Each says what is wrong with its option as a user wrote it, and makes a narrowing of it.
 */
import type { PolicyFactory } from './contract.ts'
import { aperture } from './scope/aperture.ts'
import type { Narrowing } from './scope/contract.ts'
import { panic } from './scope/panic.ts'
import { priority } from './scope/priority.ts'
import { scoped } from './scope/scoped.ts'
import { subset } from './scope/subset.ts'
import { warmUp } from './scope/warm-up.ts'
import { zone } from './scope/zone.ts'
import { zoneWeights } from './scope/zone-weights.ts'
import type { ScopeOptions, ZoneOptions } from './scope-options.ts'

interface ScopeEntry<K extends keyof ScopeOptions> {
  readonly key: K
  readonly check: (value: unknown) => string | undefined
  readonly make: (value: NonNullable<ScopeOptions[K]>, all: ScopeOptions) => Narrowing
}

const entry = <K extends keyof ScopeOptions>(scope: ScopeEntry<K>): ScopeEntry<K> => scope

export const SCOPES = [
  // Must be around all others: it has to see who is new to the service, not who is new to a part.
  entry({
    key: 'slowStart',
    check: numberOr('seconds', range(1, 3600), {
      windowS: range(1, 3600),
      aggression: range(0.1, 100),
      minPercent: range(1, 100),
    }),
    make: (value) => warmUp(typeof value === 'number' ? { windowS: value } : value),
  }),
  // Must be above those that count and share out: nobody outside it exists for them.
  entry({
    key: 'subset',
    check: checkSubset,
    make: (value, { otherwise }) => scoped(subset(value, otherwise)),
  }),
  // Must be above priority and zone: a caller knows its few, and fails over among them.
  entry({
    key: 'aperture',
    check: numberOr('instances', whole(1, 1e6), { size: whole(1, 1e6), client: checkClient }, ['size']),
    make: (value) => scoped(aperture(typeof value === 'number' ? { size: value } : value)),
  }),
  // Must be above zone: each level is shared out between zones by itself.
  entry({
    key: 'priority',
    check: (value) =>
      value === true ? undefined : checkObject(value, { key: checkName, overprovisioning: range(1, 10) }, [], 'true'),
    make: (value, all) => scoped(priority(value === true ? {} : value, all.panic)),
  }),
  // Must be above zones: where one of them alone lacks instances the others help out, and in panic zones do not count. Levels of
  // priority judge by themselves, as one may lack what the next has.
  entry({
    key: 'panic',
    check: range(0, 100),
    make: (value, all) => (all.priority === undefined ? panic(value) : (inner) => inner),
  }),
  entry({
    key: 'zone',
    check: (value) =>
      value === false
        ? undefined
        : typeof value === 'string'
          ? checkName(value)
          : checkObject(
              value,
              { own: checkName, callers: checkCallers, minInstances: range(0, 1e6) },
              ['own'],
              "a zone's name",
            ),
    make: (value) => scoped(zone(typeof value === 'string' ? { own: value } : (value as ZoneOptions))),
  }),
  entry({ key: 'zoneWeights', check: checkZoneWeights, make: (value) => scoped(zoneWeights(value)) }),
] as const

/** A policy within all scopes of `options`. */
export function within(options: ScopeOptions, policy: PolicyFactory): PolicyFactory {
  return SCOPES.reduceRight((inner, scope) => narrowed(scope as ScopeEntry<keyof ScopeOptions>, options, inner), policy)
}

function narrowed<K extends keyof ScopeOptions>(scope: ScopeEntry<K>, options: ScopeOptions, inner: PolicyFactory) {
  const value = options[scope.key]
  return value === undefined || value === false
    ? inner
    : scope.make(value as NonNullable<ScopeOptions[K]>, options)(inner)
}

export const SCOPE_KEYS: readonly string[] = [...SCOPES.map(({ key }) => key), 'otherwise']

/** What is wrong with the scopes in a `balance`, or undefined. */
export function checkScopes(config: Readonly<Record<string, unknown>>): string | undefined {
  for (const { key, check } of SCOPES) {
    const wrong = config[key] === undefined ? undefined : check(config[key])
    if (wrong !== undefined) return `${key}: ${wrong}`
  }
  const { otherwise, subset, zone, zoneWeights } = config
  if (zone && zoneWeights !== undefined) return "zoneWeights: stands instead of 'zone', not beside it"
  if (otherwise === undefined) return undefined
  if (otherwise !== 'any' && otherwise !== 'none') return `otherwise: ${show(otherwise)} is neither 'any' nor 'none'`
  return subset === undefined ? "otherwise: says what to do outside of 'subset', and there is none" : undefined
}

type Check = (value: unknown) => string | undefined

function range(min: number, max: number): Check {
  return (value) =>
    typeof value === 'number' && value >= min && value <= max
      ? undefined
      : `${show(value)} is not a number from ${min} to ${max}`
}

function whole(min: number, max: number): Check {
  const check = range(min, max)
  return (value) => (Number.isInteger(value) ? undefined : `${show(value)} is not a whole number`) ?? check(value)
}

function numberOr(
  unit: string,
  check: Check,
  keys: Readonly<Record<string, Check>>,
  needed: readonly string[] = [],
): Check {
  return (value) => (typeof value === 'number' ? check(value) : checkObject(value, keys, needed, `a number of ${unit}`))
}

function checkObject(
  value: unknown,
  keys: Readonly<Record<string, Check>>,
  needed: readonly string[],
  or: string,
): string | undefined {
  const known = Object.keys(keys).join(', ')
  if (!isRecord(value)) return `${show(value)} is neither ${or} nor an object with ${known}`
  const missing = needed.find((key) => value[key] === undefined)
  if (missing !== undefined) return `'${missing}' is missing`
  for (const [key, part] of Object.entries(value)) {
    const check = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (check === undefined) return `has no option '${key}' (known: ${known})`
    const wrong = part === undefined ? undefined : check(part)
    if (wrong !== undefined) return `${key}: ${wrong}`
  }
  return undefined
}

function checkSubset(value: unknown): string | undefined {
  if (!isRecord(value) || Object.keys(value).length === 0)
    return `${show(value)} is not an object such as { version: '2' }`
  const wrong = Object.entries(value).find(([, part]) => typeof part !== 'string')
  return wrong && `${wrong[0]}: ${show(wrong[1])} is not a text; metadata are texts`
}

function checkCallers(value: unknown): string | undefined {
  if (!isRecord(value)) return `${show(value)} is not an object such as { a: 2, b: 3 }`
  const wrong = Object.entries(value).find(([, count]) => range(0, 1e9)(count) !== undefined)
  return wrong && `${wrong[0]}: ${show(wrong[1])} is not a number of callers`
}

function checkZoneWeights(value: unknown): string | undefined {
  if (!isRecord(value) || Object.keys(value).length === 0)
    return `${show(value)} is not an object such as { a: 2, b: 1 }`
  const wrong = Object.entries(value).find(([, weight]) => range(0, 1e9)(weight) !== undefined)
  return wrong && `${wrong[0]}: ${show(wrong[1])} is not a weight`
}

function checkName(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? undefined : `${show(value)} is not a name`
}

function checkClient(value: unknown): string | undefined {
  const isNumber = Number.isInteger(value) && (value as number) >= 0
  return isNumber || checkName(value) === undefined
    ? undefined
    : `${show(value)} is neither a whole number from 0 nor a name`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
