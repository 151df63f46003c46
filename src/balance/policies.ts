/** The policies by name, and how a user's `balance` becomes one. A new policy is a file in policy/ and a line here. */
import { nearest } from '../core/issues.ts'
import type { BalanceConfig, OwnPolicy } from './balance-config.ts'
import type { HashKeySource, Policy, PolicyFactory, PolicyName, PolicyOptions } from './contract.ts'
import { checkHashKeySource } from './hash-key.ts'
import { LOADS, type LoadName } from './loads.ts'
import { edf } from './policy/edf.ts'
import { ipHash } from './policy/ip-hash.ts'
import { leastRequest } from './policy/least-request.ts'
import { maglev } from './policy/maglev.ts'
import { own } from './policy/own.ts'
import { p2c } from './policy/p2c.ts'
import { random } from './policy/random.ts'
import { rendezvous } from './policy/rendezvous.ts'
import { envoyRingHash, ringHash } from './policy/ring-hash.ts'
import { roundRobin } from './policy/round-robin.ts'
import { sticky } from './policy/sticky.ts'
import { weightedRoundRobin } from './policy/weighted-round-robin.ts'
import type { ScopeOptions } from './scope-options.ts'
import { checkScopes, SCOPE_KEYS, within } from './scopes.ts'

export const POLICIES: Readonly<Record<PolicyName, PolicyFactory>> = {
  'round-robin': roundRobin,
  'weighted-round-robin': weightedRoundRobin,
  edf,
  random,
  'least-request': leastRequest,
  p2c,
  'ip-hash': ipHash,
  sticky: sticky(p2c),
  'ring-hash': ringHash,
  'envoy-ring-hash': envoyRingHash,
  maglev,
  rendezvous,
}

/** The tables a `{ policy: 'hash' }` may be `using`. */
const HASH_TABLES = {
  ring: 'ring-hash',
  'envoy-ring': 'envoy-ring-hash',
  maglev: 'maglev',
  rendezvous: 'rendezvous',
} as const

/** What a user may write as `policy`. */
const POLICY_WORDS = [
  ...Object.keys(POLICIES).filter((name) => !Object.values<string>(HASH_TABLES).includes(name)),
  'hash',
]

export interface ParsedBalance {
  readonly policy: PolicyName | 'own'
  /** Below `sticky`. */
  readonly inner?: PolicyName | 'own'
  /** The function of policy `own`. */
  readonly choose?: OwnPolicy
  readonly load: LoadName
  readonly on?: HashKeySource
  readonly boundedLoad?: number
  readonly ringSize?: number
  readonly scopes?: ScopeOptions
}

/**
 * Fills in the defaults: P2C on peak EWMA; least-request on requests in flight; hash on a ring; `ownZone` is the process's.
 * @throws RangeError naming the bad value.
 */
export function parseBalance(config: BalanceConfig | undefined, ownZone?: string): ParsedBalance {
  const parsed = parse(config)
  const { scopes } = parsed
  // Keys would go to other instances in each zone, and elsewhere again with what a zone cannot carry.
  if (ownZone === undefined || parsed.on !== undefined) return parsed
  if (scopes?.zone !== undefined || scopes?.zoneWeights !== undefined) return parsed
  return { ...parsed, scopes: { ...scopes, zone: ownZone } }
}

function parse(config: BalanceConfig | undefined): ParsedBalance {
  if (config === undefined) return { policy: 'p2c', load: 'peak-ewma' }
  const wrong = checkBalance(config)
  if (wrong !== undefined) throw new RangeError(`balance: ${wrong}`)
  const given = typeof config === 'object' ? config : { policy: config }
  const scopes = Object.fromEntries(Object.entries(given).filter(([key]) => SCOPE_KEYS.includes(key))) as ScopeOptions
  const narrowed = Object.keys(scopes).length === 0 ? {} : { scopes }
  if (given.policy === 'sticky') {
    const { inner: word = 'p2c', load } = given
    const { policy: inner, ...below } = parse({ policy: word, ...(load !== undefined && { load }) })
    return { ...below, policy: 'sticky', inner, ...narrowed }
  }
  if (given.policy !== 'hash') {
    const { policy: word = 'p2c' } = given
    const policy = typeof word === 'function' ? 'own' : word
    const own = typeof word === 'function' ? { choose: word } : {}
    return { policy, load: given.load ?? defaultLoad(policy), ...own, ...(policy === 'ip-hash' && IP_KEY), ...narrowed }
  }
  const { on, using = 'ring', boundedLoad, ringSize } = given
  const policy = HASH_TABLES[using]
  const bounds = { ...(boundedLoad !== undefined && { boundedLoad }), ...(ringSize !== undefined && { ringSize }) }
  return { policy, load: defaultLoad(policy), on, ...bounds, ...narrowed }
}

const IP_KEY = { on: 'ip' } as const

/** The policy of a parsed `balance`, within its scopes. */
export function createPolicy(parsed: ParsedBalance, options: Pick<PolicyOptions, 'random' | 'clock'>): Policy {
  const { policy, inner, choose, boundedLoad, ringSize, scopes = {} } = parsed
  const factoryOf = (name: PolicyName | 'own') => (name === 'own' ? own(choose!) : POLICIES[name])
  const factory = inner === undefined ? within(scopes, factoryOf(policy)) : stickyWithin(scopes, factoryOf(inner))
  return factory({ ...options, boundedLoad, ringSize })
}

/** A subset is a condition for sessions too; the other scopes share out what is new, and would tear sessions apart. */
function stickyWithin({ subset, otherwise, ...others }: ScopeOptions, inner: PolicyFactory): PolicyFactory {
  return within({ subset, otherwise }, sticky(within(others, inner)))
}

const COUNTING: ReadonlySet<PolicyName | 'own'> = new Set([
  'round-robin',
  'weighted-round-robin',
  'edf',
  'random',
  'least-request',
])

/** Hash policies compare loads only where they fall back to P2C, so they measure what P2C does. */
function defaultLoad(policy: PolicyName | 'own'): LoadName {
  return COUNTING.has(policy) ? 'in-flight' : 'peak-ewma'
}

/** What is wrong with a `balance` as a user wrote it, or undefined. */
export function checkBalance(value: unknown): string | undefined {
  if (typeof value === 'function') return undefined
  if (value === 'hash') return HASH_NEEDS_KEY
  if (value === 'sticky') return STICKY_NEEDS_KEYS
  if (typeof value === 'string') return checkPolicyWord(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `${show(value)} is neither a policy name nor an object such as { policy: 'p2c' }`
  }
  const config = value as Readonly<Record<string, unknown>>
  const checkRest = config['policy'] === 'hash' ? checkHash : config['policy'] === 'sticky' ? checkSticky : checkPlain
  return checkPolicy(config) ?? checkRest(config) ?? checkScopes(config)
}

const HASH_NEEDS_KEY = "policy 'hash' needs a key: write { policy: 'hash', on: 'ip' }"

/** An object without a policy is P2C within scopes; an empty one says nothing, so it is taken for a mistake. */
function checkPolicy(config: Readonly<Record<string, unknown>>): string | undefined {
  const { policy } = config
  if (typeof policy === 'function') return undefined
  return policy === undefined && Object.keys(config).length > 0 ? undefined : checkPolicyWord(policy)
}

function checkPolicyWord(word: unknown): string | undefined {
  if (POLICY_WORDS.includes(word as string)) return undefined
  for (const [using, name] of Object.entries(HASH_TABLES)) {
    if (word === name) return `write { policy: 'hash', on: 'ip', using: '${using}' } instead of '${name}'`
  }
  const guess = typeof word === 'string' ? nearest(word, POLICY_WORDS) : undefined
  return `unknown policy ${show(word)}${guess === undefined ? '' : `, did you mean '${guess}'?`} (known: ${POLICY_WORDS.join(', ')})`
}

function checkPlain(config: Readonly<Record<string, unknown>>): string | undefined {
  return checkLoad(config['load']) ?? checkKeys(config, ['policy', 'load', ...SCOPE_KEYS])
}

function checkLoad(load: unknown): string | undefined {
  if (load === undefined || (typeof load === 'string' && Object.hasOwn(LOADS, load))) return undefined
  return `unknown load ${show(load)} (known: ${Object.keys(LOADS).join(', ')})`
}

function checkHash(config: Readonly<Record<string, unknown>>): string | undefined {
  const { on, using, boundedLoad, ringSize } = config
  if (on === undefined) return HASH_NEEDS_KEY
  const source = checkHashKeySource(on)
  if (source !== undefined) return `on: ${source}`
  if (using !== undefined && !(typeof using === 'string' && Object.hasOwn(HASH_TABLES, using))) {
    return `unknown using ${show(using)} (known: ${Object.keys(HASH_TABLES).join(', ')})`
  }
  if (boundedLoad !== undefined && !(typeof boundedLoad === 'number' && boundedLoad >= 1 && boundedLoad <= 100)) {
    return `boundedLoad ${show(boundedLoad)} is not a number from 1 to 100; 1.25 is sensible`
  }
  if (ringSize !== undefined && using !== 'envoy-ring') return "ringSize is only for using: 'envoy-ring'"
  if (
    ringSize !== undefined &&
    !(Number.isInteger(ringSize) && Number(ringSize) >= 1 && Number(ringSize) <= 8_388_608)
  ) {
    return `ringSize ${show(ringSize)} is not a whole number from 1 to 8388608`
  }
  return checkKeys(config, ['policy', 'on', 'using', 'boundedLoad', 'ringSize', ...SCOPE_KEYS])
}

const STICKY_NEEDS_KEYS =
  "policy 'sticky' needs what signs its cookie: write { policy: 'sticky', keys: [{ env: 'STICKY_KEY' }] }"
const SAME_SITE = ['Strict', 'Lax', 'None']
const COOKIE_NAME = /^[\w!#$%&'*+.^`|~-]{1,64}$/

function checkSticky(config: Readonly<Record<string, unknown>>): string | undefined {
  const { keys, inner, load, cookie, ttlS, sameSite, secure } = config
  if (keys === undefined) return STICKY_NEEDS_KEYS
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > 2)
    return 'keys: not a list of one key, or of one and the one from before'
  if (!keys.every(isPlace))
    return "keys: each says where it is found: { env: 'STICKY_KEY' } or { file: '/run/secrets/sticky' }"
  const below = inner === undefined || typeof inner === 'function' ? undefined : checkPolicyWord(inner)
  if (below !== undefined || ['sticky', 'hash', 'ip-hash'].includes(inner as string))
    return `inner: ${below ?? `not '${inner}'`}`
  if (cookie !== undefined && !(typeof cookie === 'string' && COOKIE_NAME.test(cookie)))
    return `cookie: ${show(cookie)} is no cookie's name`
  if (ttlS !== undefined && !(Number.isInteger(ttlS) && Number(ttlS) >= 1 && Number(ttlS) <= 31_536_000)) {
    return `ttlS: ${show(ttlS)} is not a whole number of seconds up to a year`
  }
  if (sameSite !== undefined && !SAME_SITE.includes(sameSite as string))
    return `sameSite: ${show(sameSite)} is none of ${SAME_SITE.join(', ')}`
  if (sameSite === 'None' && secure !== true) return "sameSite: browsers take 'None' only with secure: true"
  for (const flag of ['secure', 'httpOnly']) {
    if (config[flag] !== undefined && typeof config[flag] !== 'boolean')
      return `${flag}: ${show(config[flag])} is neither true nor false`
  }
  return (
    checkLoad(load) ??
    checkKeys(config, [
      'policy',
      'keys',
      'inner',
      'load',
      'cookie',
      'ttlS',
      'sameSite',
      'secure',
      'httpOnly',
      ...SCOPE_KEYS,
    ])
  )
}

function isPlace(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const [[key, place] = [], ...others] = Object.entries(value)
  return others.length === 0 && (key === 'env' || key === 'file') && typeof place === 'string' && place !== ''
}

function checkKeys(config: Readonly<Record<string, unknown>>, known: readonly string[]): string | undefined {
  const unknown = Object.keys(config).find((key) => !known.includes(key))
  if (unknown === undefined) return undefined
  return `policy '${config['policy'] ?? 'p2c'}' has no option '${unknown}' (known: ${known.join(', ')})`
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
