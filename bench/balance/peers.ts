/** What npm brings of the same. Only their choosing is measured; nothing connects anywhere. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Contestant, Entry } from './contract.ts'
import { PLAIN } from './skein.ts'

const INSTALLED = path.join(import.meta.dirname, '../node_modules')
/** Their inner parts are not exported, and have no types. */
const load = createRequire(path.join(INSTALLED, 'x.js')) as (file: string) => Record<string, unknown>

export function missing({ peer }: Entry): string | undefined {
  const name = peer.split(' ')[0]!
  return name.startsWith('skein') || existsSync(path.join(INSTALLED, name))
    ? undefined
    : `${name} is absent (npm --prefix bench ci)`
}

export const PEERS: readonly Entry[] = [
  {
    peer: '@grpc/grpc-js',
    policy: 'round-robin',
    what: 'the picker of round_robin, over ready subchannels',
    make: (size) => grpc('round_robin', size),
  },
  {
    peer: '@grpc/grpc-js',
    policy: 'edf',
    what: 'the picker of weighted_round_robin',
    make: (size) => grpc('weighted_round_robin', size),
  },
  { peer: 'undici RoundRobinPool', policy: 'round-robin', what: 'over clients of one origin', make: roundRobinPool },
  {
    peer: 'undici BalancedPool',
    policy: 'round-robin',
    what: 'rounds; weights come of errors only',
    make: balancedPool,
  },
  moleculer('RoundRobin', 'round-robin', 'the list in turn'),
  { ...moleculer('Random', 'random', 'without weights'), like: PLAIN },
  moleculer('CpuUsage', 'p2c', 'the better of three drawn, by a number that is there'),
  moleculer('Latency', 'p2c', 'the better of five drawn, by pings'),
  { ...moleculer('Shard', 'ring-hash', 'without weights; MD5, ten points for each, 1,000 keys cached'), like: PLAIN },
  {
    ...loadBalancers('P2cBalancer', 'p2c', 'by picks so far, drawn with replacement; a number, no member'),
    like: PLAIN,
  },
  { ...loadBalancers('RandomBalancer', 'random', 'without weights; a number, no member'), like: PLAIN },
]

type Make = new (...args: unknown[]) => Record<string, (...args: unknown[]) => unknown>

function loadBalancers(name: string, policy: string, what: string): Entry {
  return {
    peer: `load-balancers ${name}`,
    policy,
    what,
    make(size) {
      const balancer = new (load('load-balancers')[name] as Make)(size)
      return { pick: () => balancer['pick']!() }
    },
  }
}

function moleculer(name: string, policy: string, what: string): Entry {
  return {
    peer: `moleculer ${name}`,
    policy,
    what,
    make(size) {
      let changed = () => {}
      const on = (event: string, run: () => void) => {
        if (event === '$node.**') changed = run
      }
      const localBus = { on, listenerCount: () => 1 }
      const strategies = load('moleculer')['Strategies'] as Record<string, Make>
      const strategy = new strategies[name]!({}, { localBus, transit: {} }, { shardKey: 'id' })
      const all = Array.from({ length: size }, (_, i) => ({
        id: `node-${i}`,
        node: { cpu: 11 + (i % 80), hostname: `h${i}` },
      }))
      const latencies = (strategy as unknown as { hostAvgLatency?: Map<string, number> }).hostAvgLatency
      for (const [i, { node }] of all.entries()) latencies?.set(node.hostname, 11 + (i % 80))
      const contexts = Array.from({ length: 4096 }, (_, i) => ({ params: { id: `user-${i}` } }))
      let [list, changes] = [all, 0]
      const pick = (i: number) => strategy['select']!(list, contexts[i & 4095])
      const change = () => {
        list = changes++ % 2 === 0 ? all.slice(1) : all
        changed()
        pick(changes)
      }
      return { pick, change }
    },
  }
}

/** What the balancers ask of their channel beside, where children come and go. */
const UNUSED = ['requestReresolution', 'createSubchannel', 'addChannelzChild', 'removeChannelzChild']
type CreateBalancer = (
  config: object,
  channel: object,
) => { children: unknown; latestConfig: unknown; calculateAndUpdateState(): void }
const READY = 2
const COMPLETE = 0

/** The balancer with children that are ready: whatever picker it publishes is what a call asks. */
function grpc(name: 'round_robin' | 'weighted_round_robin', size: number): Contestant {
  load('@grpc/grpc-js') // registers its balancers
  const { createLoadBalancer } = load('@grpc/grpc-js/build/src/load-balancer.js') as {
    createLoadBalancer: CreateBalancer
  }
  let picker: { pick(args: unknown): unknown } | undefined
  const balancer = createLoadBalancer(
    { getLoadBalancerName: () => name },
    {
      updateState: (_: number, published: typeof picker) => (picker = published),
      ...Object.fromEntries(UNUSED.map((method) => [method, () => {}])),
    },
  )
  balancer.latestConfig = {
    getWeightExpirationPeriodMs: () => Number.POSITIVE_INFINITY,
    getBlackoutPeriodMs: () => 0,
    getEnableOobLoadReport: () => true,
  }
  const all = Array.from({ length: size }, (_, i) => grpcChild(i))
  const set = (children: typeof all) => {
    const entries = children.map(
      (child, i) => [`${i}`, { child, weight: 1 + (i % 3), lastUpdated: new Date() }] as const,
    )
    balancer.children = name === 'round_robin' ? children : new Map(entries)
    balancer.calculateAndUpdateState()
  }
  set(all)
  const args = { metadata: {}, extraPickInfo: {} }
  let changes = 0
  const pick = () => picker!.pick(args)
  const change = () => {
    set(changes++ % 2 === 0 ? all.slice(1) : all)
    pick()
  }
  return { pick, change }
}

function grpcChild(index: number) {
  const subchannel = { getWrappedSubchannel: () => subchannel }
  const result = { pickResultType: COMPLETE, subchannel, status: null, onCallStarted: null, onCallEnded: null }
  const endpoint = { addresses: [{ host: `10.0.${index >> 8}.${index & 255}`, port: 80 }] }
  return {
    getConnectivityState: () => READY,
    getEndpoint: () => endpoint,
    getPicker: () => ({ pick: () => result }),
  }
}

/** Its symbols are the names of its inner methods. */
const POOL_BASE = 'undici/lib/dispatcher/pool-base.js'

function balancedPool(size: number): Contestant {
  const { BalancedPool } = load('undici') as Record<string, Make>
  const { kGetDispatcher } = load(POOL_BASE) as Record<string, string>
  const origin = (i: number) => `http://10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080`
  const pool = new BalancedPool!(Array.from({ length: size }, (_, i) => origin(i)))
  let changes = 0
  const pick = () => pool[kGetDispatcher!]!()
  const change = () => {
    pool[changes++ % 2 === 0 ? 'removeUpstream' : 'addUpstream']!(origin(0))
    pick()
  }
  return { pick, change }
}

function roundRobinPool(size: number): Contestant {
  const { RoundRobinPool, Client } = load('undici') as Record<string, Make>
  const { kGetDispatcher, kAddClient } = load(POOL_BASE) as Record<string, string>
  const pool = new RoundRobinPool!('http://10.0.0.1:8080')
  for (let i = 0; i < size; i++) pool[kAddClient!]!(new Client!('http://10.0.0.1:8080'))
  return { pick: () => pool[kGetDispatcher!]!() }
}
