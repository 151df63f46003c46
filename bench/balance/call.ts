/**
 * Choosing as a call does it, from the client's own upstream: the policy of a config, who is out by the outlier's word, scopes, and what
 * is counted around the attempt; as many requests in flight as a busy client has.
 */
import {
  type BalanceConfig,
  type HashTableName,
  type OwnPolicy,
  POLICIES,
  type PolicyName,
} from '../../src/balance/index.ts'
import { beginLoad, type Candidate, endLoad } from '../../src/client/candidate.ts'
import { Upstream } from '../../src/client/upstream.ts'
import { systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import type { Instance, Snapshot } from '../../src/discovery/contract.ts'
import type { Contestant, Entry } from './contract.ts'

const IN_FLIGHT = 64
const KEYS = 4096
const SCOPES = { slowStart: 60, zone: { own: 'a' }, panic: 50 } as const
const TABLES: Partial<Record<PolicyName, HashTableName>> = {
  'ring-hash': 'ring',
  'envoy-ring-hash': 'envoy-ring',
  maglev: 'maglev',
  rendezvous: 'rendezvous',
}

export const CALL = 'skein (a call)'
export const CALL_OUT = 'skein (a call with some out)'
export const CALL_SCOPES = 'skein (a call in scopes)'

/** Sessions are a gateway's. */
const names = (Object.keys(POLICIES) as PolicyName[]).filter((name) => name !== 'sticky')

export const CALLS: readonly Entry[] = names.flatMap((policy) => [
  { peer: CALL, policy, what: 'chosen, counted, begun and ended', make: (size) => call(configOf(policy), size) },
  { peer: CALL_OUT, policy, what: 'one in ten ejected', make: (size) => call(configOf(policy), size, true) },
  {
    peer: CALL_SCOPES,
    policy,
    what: 'slow start, two zones and panic',
    make: (size) => call({ ...configOf(policy), ...SCOPES }, size),
  },
])

function configOf(name: PolicyName): Exclude<BalanceConfig, string | OwnPolicy> {
  const using = TABLES[name]
  return using === undefined ? { policy: name as 'p2c' } : { policy: 'hash' as const, on: 'ip' as const, using }
}

function call(balance: BalanceConfig, size: number, someOut = false): Contestant {
  const source = new Snapshots(Array.from({ length: size }, (_, i) => instance(i)))
  const upstream = new Upstream({
    ...{ service: 'users', watch: source, clock: systemClock, random: systemRandom },
    ...{ onGone: () => {}, onSnapshot: () => {} },
  })
  for (let i = 9; someOut && i < size; i += 10) {
    upstream.outlier.tell(instance(i).id, { why: 'failures', forMs: 1e9, times: 1 })
  }
  const keys = Array.from({ length: KEYS }, (_, i) => `10.${i >> 8}.${i & 255}.7`)
  const running: (Candidate | undefined)[] = new Array(IN_FLIGHT)
  const pick = (i: number) => {
    const options = { hashKey: keys[i & (KEYS - 1)], tried: [], able: undefined }
    const { candidate } = upstream.pick({ ...options, balance })
    upstream.outlier.started(candidate.id)
    beginLoad(candidate)
    const ended = running[i % IN_FLIGHT]
    running[i % IN_FLIGHT] = candidate
    if (ended === undefined) return
    endLoad(ended, 1 + (i & 15))
    upstream.outlier.answered(ended.id)
  }
  return {
    pick,
    change() {
      source.change()
      pick(0)
    },
  }
}

function instance(index: number): Instance {
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
  const meta = { zone: index % 2 === 0 ? 'a' : 'b' }
  const status = 'passing' as const
  return {
    id: `users-${index}`,
    service: 'users',
    address,
    port: 80,
    node: 'n',
    weight: 1 + (index % 3),
    tags: [],
    meta,
    status,
  }
}

/** A watch without a registry: one member goes and comes back. */
class Snapshots {
  readonly #all: readonly Instance[]
  #current: Snapshot
  #tell: (snapshot: Snapshot) => void = () => {}

  constructor(all: readonly Instance[]) {
    this.#all = all
    this.#current = { service: 'users', instances: all, index: 1, stale: false }
  }

  current(): Snapshot {
    return this.#current
  }

  ready(): Promise<Snapshot> {
    return Promise.resolve(this.#current)
  }

  subscribe(tell: (snapshot: Snapshot) => void): () => void {
    this.#tell = tell
    return () => {}
  }

  change(): void {
    const isWhole = this.#current.instances === this.#all
    const instances = isWhole ? this.#all.toSpliced(this.#all.length >> 1, 1) : this.#all
    this.#current = { ...this.#current, instances, index: this.#current.index + 1 }
    this.#tell(this.#current)
  }
}
