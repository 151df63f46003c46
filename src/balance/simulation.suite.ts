/** A queueing model on a virtual clock: FIFO endpoints, exponential service and arrivals, real policies and loads. */
import { VirtualClock } from '../core/clock.ts'
import { type Random, seeded } from '../core/random.ts'
import type { Endpoint, PolicyName } from './contract.ts'
import { LOADS, type LoadName } from './loads.ts'
import { POLICIES } from './policies.ts'

export interface Model {
  readonly policy: PolicyName
  readonly load: LoadName
  /** Mean time of service of each endpoint, ms. */
  readonly serviceMs: readonly number[]
  /** Offered load over the capacity of all. */
  readonly utilisation: number
  readonly requests: number
  readonly seed: number
}

export interface Outcome {
  readonly meanMs: number
  readonly p99Ms: number
  /** Requests of each endpoint over its even share. */
  readonly shares: readonly number[]
}

interface Server {
  readonly endpoint: Endpoint
  readonly serviceMs: number
  /** Requests not yet answered, first come first. */
  readonly queue: { readonly came: number; readonly leaves: number }[]
  served: number
}

export function simulate({ policy, load, serviceMs, utilisation, requests, seed }: Model): Outcome {
  const clock = new VirtualClock()
  const random = seeded(seed)
  const servers = serviceMs.map((ms, i) => newServer(`h${i}:80`, ms, LOADS[load]({ clock })))
  const endpoints = servers.map(({ endpoint }) => endpoint)
  const chooser = POLICIES[policy]({ random: seeded(seed + 1) })
  const capacity = serviceMs.reduce((sum, ms) => sum + 1 / ms, 0)
  const latencies: number[] = []
  let now = 0
  for (let i = 0; i < requests; i++) {
    now += exponential(random, 1 / (capacity * utilisation))
    finishUntil(now, servers, clock, latencies)
    send(servers[endpoints.indexOf(chooser.pick(endpoints, {})!)]!, now, random)
  }
  finishUntil(Number.MAX_VALUE, servers, clock, latencies)
  latencies.sort((a, b) => a - b)
  return {
    meanMs: latencies.reduce((sum, ms) => sum + ms, 0) / requests,
    p99Ms: latencies[Math.floor(requests * 0.99)]!,
    shares: servers.map(({ served }) => (served * servers.length) / requests),
  }
}

function newServer(name: string, serviceMs: number, load: Endpoint['load']): Server {
  return { endpoint: { id: name, key: name, weight: 1, load }, serviceMs, queue: [], served: 0 }
}

function send(server: Server, now: number, random: Random): void {
  const starts = server.queue.at(-1)?.leaves ?? now
  server.queue.push({ came: now, leaves: starts + exponential(random, server.serviceMs) })
  server.endpoint.load.begin()
  server.served++
}

/** Lets all answers up to `until` come, in order of time. */
function finishUntil(until: number, servers: readonly Server[], clock: VirtualClock, latencies: number[]): void {
  for (;;) {
    let first: Server | undefined
    for (const server of servers) {
      const leaves = server.queue[0]?.leaves ?? until
      if (leaves < (first?.queue[0]?.leaves ?? until)) first = server
    }
    if (first === undefined) break
    const { came, leaves } = first.queue.shift()!
    clock.advance(leaves - clock.monotonic())
    first.endpoint.load.end(leaves - came)
    latencies.push(leaves - came)
  }
  if (until < Number.MAX_VALUE) clock.advance(until - clock.monotonic())
}

function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random())
}
