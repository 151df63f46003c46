/** Skein's policies, as the client calls them: nobody out (the rule), and one in ten out. */
import { type Endpoint, LOADS, POLICIES, type PolicyName } from '../../src/balance/index.ts'
import { systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import type { Contestant, Entry } from './contract.ts'

export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[]
export const OUT = 'skein (1 in 10 out)'

/** What packages do that know neither weights nor latencies. */
export const PLAIN = 'skein (plain)'

export const NEW = 'skein (new keys)'
/** So many that what a policy remembers of a key is gone when it comes again. */
const NEW_KEYS = 2 ** 18

export const SKEIN: readonly Entry[] = [
  ...POLICY_NAMES.flatMap((policy) => [
    entry('skein', policy, 'nobody is out', {}),
    entry(OUT, policy, 'one instance in ten may not be chosen', { someOut: true }),
  ]),
  entry(NEW, 'rendezvous', `none of the last ${NEW_KEYS}`, { keys: NEW_KEYS }),
  entry(PLAIN, 'random', 'without weights', { plain: true }),
  entry(PLAIN, 'ring-hash', 'without weights', { plain: true }),
  entry(PLAIN, 'p2c', 'by requests in flight, without weights', { plain: true }),
]

interface Setting {
  readonly someOut?: boolean
  readonly plain?: boolean
  readonly keys?: number
}

function entry(peer: string, policy: PolicyName, what: string, setting: Setting): Entry {
  return { peer, policy, what, make: (size) => contestant(policy, size, setting) }
}

/** Requests in flight where the policy counts them: that work is part of its pick. */
const IN_FLIGHT = 64
const KEYS = 4096
const KEYED: ReadonlySet<PolicyName> = new Set([
  'ip-hash',
  'sticky',
  'ring-hash',
  'envoy-ring-hash',
  'maglev',
  'rendezvous',
])

function contestant(name: PolicyName, size: number, setting: Setting): Contestant {
  const { someOut = false, plain = false, keys: keyCount = KEYS } = setting
  const counts = name === 'least-request'
  const policy = POLICIES[name]({ random: systemRandom, clock: systemClock })
  const all = endpoints(size, counts || plain ? 'in-flight' : 'peak-ewma', plain)
  const out = new Set(all.filter((_, i) => i % 10 === 9))
  const eligible = someOut ? (endpoint: Endpoint) => !out.has(endpoint) : undefined
  const request = { hashKey: undefined as string | undefined, eligible, now: systemClock.monotonic() }
  const others = all.toSpliced(size >> 1, 1)
  let list: readonly Endpoint[] = all
  const choose = () => policy.pick(list, request)
  // A key and the time only where they are read: peers that read none are not handed any either.
  const keys = KEYED.has(name) ? Array.from({ length: keyCount }, (_, i) => keyFor(name, i, all)) : undefined
  const pick = counts
    ? counted(choose)
    : keys
      ? keyed(choose, request, keys)
      : name === 'p2c' && !plain
        ? timed(choose, request)
        : choose
  let changes = 0
  return {
    pick,
    change() {
      list = list === all ? others : all
      pick(changes++)
    },
  }
}

type Choose = () => Endpoint | undefined
type Pick = (i: number) => unknown

function counted(choose: Choose): Pick {
  const running: (Endpoint | undefined)[] = new Array(IN_FLIGHT)
  return (i) => {
    running[i % IN_FLIGHT]?.load.end(1)
    const chosen = choose()
    running[i % IN_FLIGHT] = chosen
    chosen!.load.begin()
  }
}

function keyed(choose: Choose, request: { hashKey: string | undefined }, keys: readonly string[]): Pick {
  return (i) => {
    request.hashKey = keys[i & (keys.length - 1)]
    return choose()
  }
}

function timed(choose: Choose, request: { now: number }): Pick {
  return () => {
    request.now += 0.001
    return choose()
  }
}

function keyFor(name: PolicyName, i: number, all: readonly Endpoint[]): string {
  if (name === 'sticky') return all[i % all.length]!.id
  return name === 'ip-hash' ? `10.${i >> 8}.${i & 255}.7` : `user-${i}`
}

function endpoints(count: number, metric: 'in-flight' | 'peak-ewma', plain: boolean): Endpoint[] {
  return Array.from({ length: count }, (_, i) => {
    const load = LOADS[metric]({ clock: systemClock })
    load.begin()
    load.end(1 + (i % 50))
    const name = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080`
    return { id: name, key: name, weight: plain ? 1 : 1 + (i % 3), load }
  })
}
