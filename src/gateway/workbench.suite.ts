/** What the gateway's tests share: real upstreams, a real caller, a real gateway, and raw sockets. All is closed after the test. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type Logger, pino } from 'pino'
import { createCaller } from '../client/caller.ts'
import type { CallPolicy } from '../client/contract.ts'
import type { Clock } from '../core/clock.ts'
import { freePort } from '../core/free-port.ts'
import type { Random } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'
import { type StaticSource, staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import type { GatewayConfig, RouteConfig } from './contract.ts'
import { type RunningGateway, startGateway } from './index.ts'
import type { GatewayLimits } from './limits.ts'

export interface Workbench {
  readonly gateway: RunningGateway
  readonly url: string
  readonly adminUrl: string
  readonly source: StaticSource
  readonly metrics: Metrics
  /** Access-log lines so far. */
  readonly lines: Record<string, unknown>[]
  /** Resolves with the n-th access line (from 1). */
  line(n?: number): Promise<Record<string, unknown>>
}

export interface BenchOptions {
  readonly routes?: readonly RouteConfig[]
  readonly config?: Partial<GatewayConfig>
  readonly instances?: readonly Instance[]
  readonly limits?: Partial<GatewayLimits>
  readonly defaults?: CallPolicy
  /** Of the gateway; the caller keeps the system's. */
  readonly clock?: Clock
  readonly random?: Random
  /** Of gateway and caller. */
  readonly tracer?: Tracer
  readonly http2?: 'wire' | 'node'
}

export async function workbench(t: TestContext, options: BenchOptions): Promise<Workbench> {
  const source = staticSource(options.instances ?? [])
  const metrics = new Metrics()
  const caller = createCaller({ source, metrics, defaults: options.defaults ?? {}, tracer: options.tracer })
  const { log, lines, line } = accessLines()
  const config = { port: 0, routes: options.routes ?? [{ to: 'users' }], ...options.config }
  const limits = { drainMs: 2000, ...options.limits }
  const gateway = await startGateway({
    config,
    caller,
    log,
    metrics,
    limits,
    clock: options.clock,
    random: options.random,
    tracer: options.tracer,
    http2: options.http2,
  })
  t.after(async () => {
    await gateway.close()
    await caller.close()
  })
  return {
    gateway,
    url: `http://127.0.0.1:${gateway.port}`,
    adminUrl: `http://127.0.0.1:${gateway.adminPort}`,
    source,
    metrics,
    lines,
    line,
  }
}

function accessLines(): { log: Logger; lines: Record<string, unknown>[]; line: Workbench['line'] } {
  const lines: Record<string, unknown>[] = []
  const waiting: { n: number; resolve: (line: Record<string, unknown>) => void }[] = []
  const write = (text: string) => {
    const line = JSON.parse(text) as Record<string, unknown>
    if (line['kind'] !== 'access') return
    lines.push(line)
    for (const { n, resolve } of waiting) if (lines.length >= n) resolve(lines[n - 1]!)
  }
  const line = (n = 1) =>
    new Promise<Record<string, unknown>>((resolve) => {
      if (lines.length >= n) resolve(lines[n - 1]!)
      else waiting.push({ n, resolve })
    })
  return { log: pino({ level: 'info' }, { write }), lines, line }
}

export function instance(port: number, change: Partial<Instance> = {}): Instance {
  const service = change.service ?? 'users'
  return {
    id: `${service}-${port}`,
    service,
    address: '127.0.0.1',
    port,
    node: 'test',
    weight: 1,
    tags: [],
    meta: {},
    status: 'passing',
    ...change,
  }
}

/** A node:http upstream on a free port. */
export async function httpUpstream(
  t: TestContext,
  handler: RequestListener,
): Promise<{ port: number; server: Server }> {
  const server = createServer({ keepAliveTimeout: 10_000 }, handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, server }
}

export interface Echoed {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface EchoOptions extends BenchOptions {
  /** Of the upstream's answers. */
  readonly fields?: Record<string, string | string[]>
  readonly onRequest?: (() => void) | undefined
}

/** A gateway before an upstream that answers with what it got. */
export async function echoBench(
  t: TestContext,
  route: Partial<RouteConfig>,
  { fields = {}, onRequest, ...options }: EchoOptions = {},
): Promise<Workbench & { ask(path: string, init?: AskOptions): Promise<Asked> }> {
  const { port } = await httpUpstream(t, async (request, response) => {
    onRequest?.()
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { method, url, headers } = request
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
    response.end(JSON.stringify({ method, url, headers, body }))
  })
  const bench = await workbench(t, { instances: [instance(port)], routes: [{ to: 'users', ...route }], ...options })
  return { ...bench, ask: (path, init) => ask(bench.gateway.port, path, init) }
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** What the upstream got, where it was asked. */
  readonly echoed: Echoed
}

/** Unlike `fetch` it follows no redirect, and sends Host and Origin as they are given. */
export async function ask(port: number, path: string, { method, headers, body }: AskOptions = {}): Promise<Asked> {
  const asking = request({ port, path, method: method ?? 'GET', headers: headers ?? {}, agent: false })
  asking.end(body)
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  // A reset behind the head is told by the body.
  asking.on('error', () => undefined)
  let all = ''
  for await (const chunk of answer) all += String(chunk)
  return {
    status: answer.statusCode!,
    headers: answer.headers,
    text: all,
    get echoed() {
      return JSON.parse(all) as Echoed
    },
  }
}

/** A bare TCP upstream on a free port. */
export async function tcpUpstream(t: TestContext, onSocket: (socket: Socket) => void): Promise<{ port: number }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port }
}

/** A port on which nobody listens. */
export const deadPort = () => freePort()

/** What came back on a raw connection, and how it ended. */
export interface RawAnswer {
  readonly text: string
  readonly status: number
  /** How the other side ended: `open` when it did not. */
  readonly ended: 'open' | 'end' | 'reset'
}

/** Writes `parts` one after the other and reads until one whole answer is there, or until the other side ends. */
export async function rawRequest(port: number, ...parts: (string | Buffer)[]): Promise<RawAnswer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
  return rawAnswer(socket)
}

export function rawAnswer(socket: Socket): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = ''
    const done = (ended: RawAnswer['ended']) => {
      socket.destroy()
      resolve({ text, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), ended })
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isWhole(text)) done('open')
    })
    socket.once('end', () => done('end'))
    socket.once('error', () => done('reset'))
  })
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1 || /^connection: close/im.test(text.slice(0, end))) return false
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length >= end + 4 + Number(length)
}
