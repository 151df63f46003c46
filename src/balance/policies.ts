/** The policies by name, and how a user's `balance` becomes one. A new policy is a file in policy/ and a line here. */
import { nearest } from '../core/issues.ts'
import type { BalanceConfig, HashKeySource, PolicyFactory, PolicyName } from './contract.ts'
import { checkHashKeySource } from './hash-key.ts'
import { LOADS, type LoadName } from './loads.ts'
import { leastRequest } from './policy/least-request.ts'
import { maglev } from './policy/maglev.ts'
import { p2c } from './policy/p2c.ts'
import { random } from './policy/random.ts'
import { rendezvous } from './policy/rendezvous.ts'
import { ringHash } from './policy/ring-hash.ts'
import { roundRobin } from './policy/round-robin.ts'
import { weightedRoundRobin } from './policy/weighted-round-robin.ts'

export const POLICIES: Readonly<Record<PolicyName, PolicyFactory>> = {
  'round-robin': roundRobin,
  'weighted-round-robin': weightedRoundRobin,
  random,
  'least-request': leastRequest,
  p2c,
  'ring-hash': ringHash,
  maglev,
  rendezvous,
}

/** The tables a `{ policy: 'hash' }` may be `using`. */
const HASH_TABLES = { ring: 'ring-hash', maglev: 'maglev', rendezvous: 'rendezvous' } as const

/** What a user may write as `policy`. */
const POLICY_WORDS = [
  ...Object.keys(POLICIES).filter((name) => !Object.values<string>(HASH_TABLES).includes(name)),
  'hash',
]

export interface ParsedBalance {
  readonly policy: PolicyName
  readonly load: LoadName
  readonly on?: HashKeySource
  readonly boundedLoad?: number
}

/**
 * Fills in the defaults: P2C on peak EWMA; least-request on requests in flight; hash on a ring.
 * @throws RangeError naming the bad value.
 */
export function parseBalance(config: BalanceConfig | undefined): ParsedBalance {
  if (config === undefined) return { policy: 'p2c', load: 'peak-ewma' }
  const wrong = checkBalance(config)
  if (wrong !== undefined) throw new RangeError(`balance: ${wrong}`)
  const given = typeof config === 'string' ? { policy: config } : config
  if (given.policy !== 'hash') return { policy: given.policy, load: given.load ?? defaultLoad(given.policy) }
  const { on, using = 'ring', boundedLoad } = given
  const policy = HASH_TABLES[using]
  return { policy, load: defaultLoad(policy), on, ...(boundedLoad !== undefined && { boundedLoad }) }
}

/** Hash policies compare loads only where they fall back to P2C, so they measure what P2C does. */
function defaultLoad(policy: PolicyName): LoadName {
  return policy === 'p2c' || Object.values<string>(HASH_TABLES).includes(policy) ? 'peak-ewma' : 'in-flight'
}

/** What is wrong with a `balance` as a user wrote it, or undefined. */
export function checkBalance(value: unknown): string | undefined {
  if (typeof value === 'string') return value === 'hash' ? HASH_NEEDS_KEY : checkPolicyWord(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `${show(value)} is neither a policy name nor an object such as { policy: 'p2c' }`
  }
  const config = value as Readonly<Record<string, unknown>>
  return checkPolicyWord(config['policy']) ?? (config['policy'] === 'hash' ? checkHash(config) : checkPlain(config))
}

const HASH_NEEDS_KEY = "policy 'hash' needs a key: write { policy: 'hash', on: 'ip' }"

function checkPolicyWord(word: unknown): string | undefined {
  if (POLICY_WORDS.includes(word as string)) return undefined
  for (const [using, name] of Object.entries(HASH_TABLES)) {
    if (word === name) return `write { policy: 'hash', on: 'ip', using: '${using}' } instead of '${name}'`
  }
  const guess = typeof word === 'string' ? nearest(word, POLICY_WORDS) : undefined
  return `unknown policy ${show(word)}${guess === undefined ? '' : `, did you mean '${guess}'?`} (known: ${POLICY_WORDS.join(', ')})`
}

function checkPlain(config: Readonly<Record<string, unknown>>): string | undefined {
  const { load } = config
  if (load !== undefined && !Object.hasOwn(LOADS, String(load))) {
    return `unknown load ${show(load)} (known: ${Object.keys(LOADS).join(', ')})`
  }
  return checkKeys(config, ['policy', 'load'])
}

function checkHash(config: Readonly<Record<string, unknown>>): string | undefined {
  const { on, using, boundedLoad } = config
  if (on === undefined) return HASH_NEEDS_KEY
  const source = checkHashKeySource(on)
  if (source !== undefined) return `on: ${source}`
  if (using !== undefined && !Object.hasOwn(HASH_TABLES, String(using))) {
    return `unknown using ${show(using)} (known: ${Object.keys(HASH_TABLES).join(', ')})`
  }
  if (boundedLoad !== undefined && !(typeof boundedLoad === 'number' && boundedLoad >= 1 && boundedLoad <= 100)) {
    return `boundedLoad ${show(boundedLoad)} is not a number from 1 to 100; 1.25 is sensible`
  }
  return checkKeys(config, ['policy', 'on', 'using', 'boundedLoad'])
}

function checkKeys(config: Readonly<Record<string, unknown>>, known: readonly string[]): string | undefined {
  const unknown = Object.keys(config).find((key) => !known.includes(key))
  if (unknown === undefined) return undefined
  return `policy '${config['policy']}' has no option '${unknown}' (known: ${known.join(', ')})`
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
