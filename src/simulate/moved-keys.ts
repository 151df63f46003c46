/** How many keys change their instance when members change: what a cache behind a hash policy loses. */
import { inFlight } from '../balance/load/in-flight.ts'
import { createPolicy, type ParsedBalance } from '../balance/policies.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'

/** So that each has an address of its own. */
export const KEYS_MAX = 10_000_000

/** Addresses, so that ip-hash has something to hash; each in a /24 of its own. */
export function keyAt(index: number): string {
  return `${10 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.1`
}

const KEYS = Array.from({ length: 2000 }, (_, i) => keyAt(i))

export interface Moves {
  /** Parts of the keys, on average over the changes. */
  readonly moved: number
  readonly needless: number
}

export class KeyCensus {
  readonly #owner: (instances: readonly Instance[]) => Map<string, string | undefined>
  readonly #moves: Moves[] = []
  #before: Map<string, string | undefined>
  #members: ReadonlySet<string>

  constructor(balance: ParsedBalance, parts: { clock: Clock; random: Random }, instances: readonly Instance[]) {
    const policy = createPolicy(balance, parts)
    this.#owner = (members) => {
      const endpoints = members.map((one) => ({ ...one, key: `${one.address}:${one.port}`, load: inFlight() }))
      return new Map(KEYS.map((hashKey) => [hashKey, policy.pick(endpoints, { hashKey })?.id]))
    }
    this.#before = this.#owner(instances)
    this.#members = new Set(instances.map(({ id }) => id))
  }

  changed(instances: readonly Instance[]): void {
    const after = this.#owner(instances)
    const members = new Set(instances.map(({ id }) => id))
    const changed = this.#members.symmetricDifference(members) as ReadonlySet<string | undefined>
    const moved = KEYS.filter((key) => this.#before.get(key) !== after.get(key))
    const needless = moved.filter((key) => !changed.has(this.#before.get(key)) && !changed.has(after.get(key)))
    this.#moves.push({ moved: moved.length / KEYS.length, needless: needless.length / KEYS.length })
    this.#before = after
    this.#members = members
  }

  get moves(): Moves | undefined {
    if (this.#moves.length === 0) return undefined
    const mean = (of: (moves: Moves) => number) =>
      this.#moves.reduce((sum, one) => sum + of(one), 0) / this.#moves.length
    return { moved: mean(({ moved }) => moved), needless: mean(({ needless }) => needless) }
  }
}
