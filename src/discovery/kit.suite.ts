/** For tests: instances by the dozen, waiting for a snapshot, and a registry that can misbehave in every way that was seen. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { VirtualClock } from '../core/clock.ts'
import { freePort } from '../core/free-port.ts'
import type { Instance, Snapshot, Watch } from './contract.ts'

/** Tells when a timer has been set: what is moved on before would never fall due. Truncates to whole ms as Node does. */
export class WatchedClock extends VirtualClock {
  #set: number[] = []
  #wake = () => {}

  override after(ms: number, run: () => void) {
    this.#set.push(ms)
    this.#wake()
    return super.after(Math.trunc(ms), run)
  }

  /** Resolves once a timer of about `ms` has been set, each counted once. */
  async timer(ms: number): Promise<void> {
    const near = (one: number) => Math.abs(one - ms) <= ms / 100
    while (!this.#set.some(near)) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#set.splice(this.#set.findIndex(near), 1)
  }
}

export function instance(id: string, changes: Partial<Instance> = {}): Instance {
  return {
    id,
    service: 'users',
    address: '127.0.0.1',
    port: 1000 + Number.parseInt(id.replace(/\D/g, '') || '0', 10),
    node: 'n1',
    weight: 1,
    tags: [],
    meta: {},
    status: 'passing',
    ...changes,
  }
}

export function ids(snapshot: Snapshot | undefined): string[] {
  return (snapshot?.instances ?? []).map(({ id }) => id)
}

/** The current snapshot if `wanted` holds for it, else the first for which it does. */
export function until(watch: Watch, wanted: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  const current = watch.current()
  if (current !== undefined && wanted(current)) return Promise.resolve(current)
  return new Promise((resolve) => {
    const stop = watch.subscribe((snapshot) => {
      if (!wanted(snapshot)) return
      stop()
      resolve(snapshot)
    })
  })
}

/** As Consul writes it. */
export function entryOf(one: Instance) {
  return {
    Node: { Node: one.node, Address: '127.0.0.1' },
    Service: {
      ID: one.id,
      Service: one.service,
      Address: one.address,
      Port: one.port,
      Tags: one.tags,
      Meta: one.meta,
      Weights: { Passing: one.weight, Warning: one.weight },
    },
    Checks: [
      { CheckID: 'serfHealth', Status: 'passing' },
      { CheckID: `service:${one.id}`, Status: one.status },
    ],
  }
}

/** What the registry answers to each request until told otherwise. */
export type Mode = 'well' | 'error' | 'garbage' | 'half' | 'empty' | 'no-index' | 'hang' | 'no-blocking'

export interface ScriptedRegistry {
  readonly url: string
  /** Index of each request in order; 0 = none was sent. */
  readonly asked: number[]
  /** Resolves when `count` requests have come in all. */
  requests(count: number): Promise<void>
  /** Changes the instances, moves the index on (or to `index`), and wakes those who wait. */
  set(instances: readonly Instance[], index?: number): void
  /** Breaks off what waits; from now on requests meet this. */
  behave(mode: Mode): void
  /** Like SIGSTOP: what waits goes on waiting, and nothing is answered any more. */
  freeze(): void
  /** Stops listening, resets all connections. */
  down(): Promise<void>
  /** Listens again on the same port. */
  up(): Promise<void>
}

export async function startScriptedRegistry(
  instances: readonly Instance[] = [],
  start = 10,
): Promise<ScriptedRegistry> {
  let list = instances
  let index = start
  let mode: Mode = 'well'
  const asked: number[] = []
  const held = new Map<ServerResponse, number>()
  let arrived = () => {}

  const answer = (response: ServerResponse) => {
    held.delete(response)
    const text = JSON.stringify(list.map(entryOf))
    const headers = mode === 'no-index' ? {} : { 'x-consul-index': String(index) }
    if (mode === 'error') response.writeHead(500).end('No cluster leader')
    else if (mode === 'garbage') response.writeHead(200, headers).end('<html>welcome</html>')
    else if (mode === 'half') {
      response.writeHead(200, { ...headers, 'content-length': text.length })
      response.write(text.slice(0, text.length / 2), () => response.destroy())
    } else response.writeHead(200, headers).end(mode === 'empty' ? '[]' : text)
  }
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const since = Number(new URL(request.url!, 'http://r').searchParams.get('index') ?? 0)
    asked.push(since)
    const waits = (mode === 'well' || mode === 'empty') && since > 0 && since >= index
    if (waits || mode === 'hang') held.set(response, since)
    else answer(response)
    arrived()
  }
  const server = createServer(handle)
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const port = await freePort() // it comes back on the same after `down`
  await listen(port)
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    requests: (count) =>
      new Promise((resolve) => {
        arrived = () => {
          if (asked.length >= count) resolve()
        }
        arrived()
      }),
    set(next, to = index + 1) {
      list = next
      index = to
      for (const [response, since] of held) if (index !== since) answer(response)
    },
    behave(next) {
      mode = next
      for (const response of held.keys()) response.destroy()
      held.clear()
    },
    freeze() {
      mode = 'hang'
    },
    down: () =>
      new Promise((resolve) => {
        held.clear()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    up: () => listen(port),
  }
}
