/** What the tests of this folder share: a service on a free port, its log lines, requests as bytes. */
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import type { Logger } from '../core/log.ts'
import { SETTINGS } from '../core/settings.ts'
import { Metrics } from '../telemetry/metrics.ts'
import type { Servable } from './servable.ts'
import { type RunningService, type ServeOptions, serve } from './serve.ts'
import { listen } from './server/node.ts'

export type Line = Readonly<Record<string, unknown>>

/** A logger that keeps its lines. */
export function recorder(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = []
  return { lines, log: pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line)) }) }
}

export interface Started extends RunningService, AsyncDisposable {
  readonly lines: Line[]
  readonly metrics: Metrics
  /** A request with JSON in and out; `json` becomes the body. */
  ask(target: string, options?: { json?: unknown; headers?: Record<string, string>; body?: string }): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Parsed where it is JSON. */
  readonly body: unknown
  /** `error.code` of the body. */
  readonly code: string | undefined
}

/** Serves without a registry and without a drain delay, unless told otherwise. `await using` closes it. */
export async function start(servable: Servable, options: ServeOptions = {}): Promise<Started> {
  const { log, lines } = recorder()
  const metrics = new Metrics()
  // The whole folder can be run on another server: SKEIN_SERVER=node.
  const env = { [SETTINGS.server]: process.env[SETTINGS.server] }
  const defaults = { registry: false, drainDelayMs: 0, signals: false, env, log, metrics } as const
  const running = await serve(servable, { ...defaults, ...options })
  return {
    ...running,
    lines,
    metrics,
    [Symbol.asyncDispose]: () => running.close(),
    ask: (target, { json, headers = {}, body = json === undefined ? undefined : JSON.stringify(json) } = {}) => {
      const [method = '', path = ''] = target.split(' ')
      const type = json === undefined ? {} : { 'content-type': 'application/json' }
      return ask(running.url + path, {
        method,
        headers: { ...type, ...headers },
        ...(body === undefined ? {} : { body }),
      })
    },
  }
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  const raw = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') && raw !== ''
  const body = isJson ? JSON.parse(raw) : raw
  return { status: response.status, headers: response.headers, body, code: body?.error?.code }
}

/** Sends bytes as they are and gives all that comes back until the server closes. */
export async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  const answer = await text(socket)
  socket.destroy()
  return answer
}

/** Resolves when the log has a line that fits. */
export async function logged(lines: readonly Line[], fits: (line: Line) => boolean): Promise<Line> {
  for (;;) {
    const found = lines.find(fits)
    if (found !== undefined) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export interface RegistryRequest {
  readonly target: string
  readonly body: string
}

export interface ScriptedRegistry extends AsyncDisposable {
  readonly url: string
  /** `PUT /v1/agent/service/register` …, in order. */
  readonly requests: RegistryRequest[]
  /** Status for a request; default 200, and 404 for GET. May be replaced at any time; 0 breaks the connection off, undefined leaves it without an answer. */
  answer: (target: string) => number | undefined
  /** Resolves with the number of such requests once there are at least `count`. */
  seen(target: RegExp, count?: number): Promise<number>
}

/** As much of a registry as a registration needs, doing what it is told. */
export async function scriptedRegistry(): Promise<ScriptedRegistry> {
  const requests: RegistryRequest[] = []
  const server = createServer(async (request, response) => {
    const target = `${request.method} ${request.url}`
    requests.push({ target, body: await text(request) })
    const status = registry.answer(target)
    if (status === undefined) return
    if (status === 0) response.destroy()
    else response.writeHead(status).end()
  })
  const registry: ScriptedRegistry = {
    url: `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}`,
    requests,
    answer: (target) => (target.startsWith('GET') ? 404 : 200),
    async seen(target, count = 1) {
      for (;;) {
        const found = requests.filter((request) => target.test(request.target)).length
        if (found >= count) return found
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return registry
}
