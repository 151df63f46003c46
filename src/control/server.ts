/** The control API over HTTP on a unix socket: whoever may open the socket (this user) may do everything, nobody else anything. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { asSkeinError, SkeinError } from '../core/errors.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import type { Fleet } from '../fleet/contract.ts'
import { sendLogs } from './follow.ts'
import { ROUTES } from './routes.ts'
import { listenOnSocket } from './socket.ts'

const BODY_MAX = 64 * 1024

export interface ControlOptions {
  readonly fleet: Fleet
  readonly socketPath: string
  info(): unknown
  /** `GET /metrics` in Prometheus' text format; absent = 404. */
  metrics?: (() => string) | undefined
  /** Called once the answer to `POST /v1/shutdown` is on its way; default: closes the fleet. */
  onShutdown?: (() => void) | undefined
  readonly log?: Logger | undefined
}

/**
 * @throws SkeinError ALREADY_RUNNING when another process serves on the socket. A stale socket is replaced.
 */
export async function serveControl(options: ControlOptions): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => void handle(options, request, response))
  await listenOnSocket(server, options.socketPath)
  // No file descriptors left, say: that nobody can ask now may not end the fleet.
  server.on('error', (err) => (options.log ?? silentLogger).error({ err }, 'could not accept a connection'))
  return {
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections() // followers would stay for ever
      return closed
    },
  }
}

async function handle(options: ControlOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://control')
    const key = `${request.method} ${pathname}`
    if (key === 'GET /v1/logs') return sendLogs(options.fleet, searchParams, response)
    if (key === 'POST /v1/shutdown') return shutdown(options, response)
    if (key === 'GET /metrics' && options.metrics !== undefined) return sendText(response, options.metrics())
    const handler = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined
    if (handler === undefined) throw unknownRoute(key)
    sendJson(response, 200, await handler(options, { query: searchParams, body: await readJson(request) }))
  } catch (error) {
    const known = asSkeinError(error)
    if (known.code === 'INTERNAL') (options.log ?? silentLogger).error({ err: error }, 'control request failed')
    sendJson(response, known.kind.status, known.toBody())
  }
}

function unknownRoute(key: string): SkeinError {
  const hint = `There is: ${[...Object.keys(ROUTES), 'GET /v1/logs', 'POST /v1/shutdown'].join(', ')}.`
  return new SkeinError('NOT_FOUND', `the control API has no ${key}`, { hint })
}

function shutdown(options: ControlOptions, response: ServerResponse): void {
  const run = options.onShutdown ?? (() => void options.fleet.close())
  response.once('finish', run)
  sendJson(response, 202, { stopping: true })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > BODY_MAX) throw new SkeinError('BODY_TOO_LARGE', `the body is longer than ${BODY_MAX} characters`)
  }
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SkeinError('BAD_REQUEST', `the body is not JSON: ${(error as Error).message}`)
  }
}

function sendText(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  response.end(body)
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value ?? null)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
