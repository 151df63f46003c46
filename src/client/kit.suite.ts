/** For tests: instances as real HTTP servers on loopback, and a caller that knows them. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { freePort } from '../core/free-port.ts'
import { seeded } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'
import { type StaticSource, staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { type CallerOptions, createCaller } from './caller.ts'
import type { Caller, OutboundRequest } from './contract.ts'

export interface LiveInstance {
  readonly instance: Instance
  readonly server: Server
  /** Requests that came, in order. */
  readonly seen: IncomingMessage[]
  /** Like kill -9: stops listening and resets every connection. */
  kill(): Promise<void>
}

/** What a caller needs of an instance. */
export function describe(id: string, port: number, changes: Partial<Instance> = {}): Instance {
  const base = { id, service: 'users', address: '127.0.0.1', port, node: 'n', weight: 1, tags: [], meta: {} }
  return { ...base, status: 'passing', ...changes }
}

export async function startInstance(
  id: string,
  answer: RequestListener,
  changes: Partial<Instance> = {},
): Promise<LiveInstance> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kill = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { instance: describe(id, port, changes), server, seen, kill }
}

/** An address on which nobody listens. */
export async function refusing(id: string, changes: Partial<Instance> = {}): Promise<Instance> {
  return describe(id, await freePort(), changes)
}

export interface Scene {
  readonly live: readonly LiveInstance[]
  readonly source: StaticSource
  readonly caller: Caller
  readonly metrics: Metrics
  /** Instance of each request in the order of arrival. */
  readonly order: string[]
  /** Resolves when `count` requests have arrived at any instance, in all. */
  arrivals(count: number): Promise<void>
}

/** One instance for each listener, `u1`, `u2` …; everything is closed when the test ends. */
export async function scene(
  t: TestContext,
  listeners: readonly RequestListener[],
  options: Partial<CallerOptions> & { instances?: readonly Instance[]; each?: (i: number) => Partial<Instance> } = {},
): Promise<Scene> {
  const order: string[] = []
  const waiting = new Set<() => void>()
  const noting = (id: string, answer: RequestListener) => (request: IncomingMessage, response: ServerResponse) => {
    order.push(id)
    answer(request, response)
    for (const check of waiting) check()
  }
  const live = await Promise.all(
    listeners.map((answer, i) => startInstance(`u${i + 1}`, noting(`u${i + 1}`, answer), options.each?.(i))),
  )
  const source = staticSource([...live.map(({ instance }) => instance), ...(options.instances ?? [])])
  const metrics = new Metrics()
  const defaults = { balance: 'round-robin' } as const
  const caller = createCaller({ source, metrics, random: seeded(1), defaults, ...options })
  t.after(async () => {
    await caller.close()
    await Promise.all(live.filter(({ server }) => server.listening).map(({ kill }) => kill()))
  })
  const arrivals = (count: number) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (order.length < count) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return { live, source, caller, metrics, order, arrivals }
}

export function get(changes: Partial<OutboundRequest> = {}): OutboundRequest {
  return { service: 'users', method: 'GET', path: '/x', headers: [], ...changes }
}

export async function text(body: Readable): Promise<string> {
  let all = ''
  for await (const chunk of body) all += String(chunk)
  return all
}

/** Turns the event loop until `done` holds: for what follows an event that has no event of its own. */
export async function eventually(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await turn()
}

/** Requests in flight over all instances, by the books. */
export async function inFlight(caller: Caller): Promise<number> {
  return (await caller.inspect('users')).reduce((sum, state) => sum + state.inFlight, 0)
}

export const ok: RequestListener = (request, response) => {
  request.resume()
  request.on('end', () => response.end('ok'))
}
export const hang: RequestListener = () => {}
export const reset: RequestListener = (request) => request.socket.resetAndDestroy()
