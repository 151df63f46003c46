/** Skein's policies, as the client calls them: nobody out (the rule), and one in ten out. */
import { type Endpoint, LOADS, POLICIES, type PolicyName } from '../../src/balance/index.ts'
import { systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import type { Contestant, Entry } from './contract.ts'

export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[]
export const OUT = 'skein, 1 in 10 out'

/** What packages do that know neither weights nor latencies. */
export const PLAIN = 'skein, plain'

export const SKEIN: readonly Entry[] = [
  ...POLICY_NAMES.flatMap((policy) => [
    entry('skein', policy, 'nobody is out', {}),
    entry(OUT, policy, 'one instance in ten may not be chosen', { someOut: true }),
  ]),
  entry(PLAIN, 'random', 'without weights', { plain: true }),
  entry(PLAIN, 'p2c', 'by requests in flight, without weights', { plain: true }),
]

interface Setting {
  readonly someOut?: boolean
  readonly plain?: boolean
}

function entry(peer: string, policy: PolicyName, what: string, setting: Setting): Entry {
  return { peer, policy, what, make: (size) => contestant(policy, size, setting) }
}

/** Requests in flight where the policy counts them: that work is part of its pick. */
const IN_FLIGHT = 64
const KEYS = 4096

function contestant(name: PolicyName, size: number, { someOut = false, plain = false }: Setting): Contestant {
  const counts = name === 'least-request'
  const policy = POLICIES[name]({ random: systemRandom, clock: systemClock })
  const all = endpoints(size, counts || plain ? 'in-flight' : 'peak-ewma', plain)
  const keys = Array.from({ length: KEYS }, (_, i) => keyFor(name, i, all))
  const out = new Set(all.filter((_, i) => i % 10 === 9))
  const eligible = someOut ? (endpoint: Endpoint) => !out.has(endpoint) : undefined
  const request = { hashKey: undefined as string | undefined, eligible, now: systemClock.monotonic() }
  const running: (Endpoint | undefined)[] = new Array(IN_FLIGHT)
  const others = all.toSpliced(size >> 1, 1)
  let list: readonly Endpoint[] = all
  let changes = 0
  const pick = (i: number) => {
    request.hashKey = keys[i & (KEYS - 1)]
    request.now += 0.001
    const chosen = policy.pick(list, request)
    if (!counts) return chosen
    running[i % IN_FLIGHT]?.load.end(1)
    running[i % IN_FLIGHT] = chosen
    chosen!.load.begin()
    return chosen
  }
  return {
    pick,
    change() {
      list = list === all ? others : all
      pick(changes++)
    },
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
