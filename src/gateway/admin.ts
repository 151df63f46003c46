/** The gateway's own HTTP for operators: metrics, readiness, routes, `explain`. Loopback only, read only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseBalance } from '../balance/policies.ts'
import type { Caller, CandidateState, GuardState } from '../client/contract.ts'
import { asSkeinError, SkeinError } from '../core/errors.ts'
import { METRICS_CONTENT_TYPE, type Metrics } from '../telemetry/metrics.ts'
import { explain } from './explain.ts'
import type { RouteRequest } from './routes.ts'
import type { GatewayRoute } from './snapshot.ts'
import { normaliseHost, parseTarget } from './target.ts'

export interface AdminView {
  readonly caller: Caller
  readonly metrics: Metrics
  /** In order of precedence. */
  routes(): readonly GatewayRoute[]
  /** Names of the rules that hold for it. */
  rulesOf(route: GatewayRoute): readonly string[]
  isReady(): boolean
}

/** A text is plain, all else is told as JSON. */
export interface Page {
  readonly status: number
  readonly body: unknown
}

/** What is told of a path; undefined where there is no such page. */
export interface Pages {
  readonly paths: readonly string[]
  get(path: string, query: URLSearchParams): Page | Promise<Page> | undefined
}

type Handler = (query: URLSearchParams, view: AdminView) => Page | Promise<Page>

const PAGES: Readonly<Record<string, Handler>> = {
  '/metrics': (_, { metrics }) => ({ status: 200, body: metrics.toText() }),
  '/health/ready': (_, view) =>
    view.isReady() ? { status: 200, body: { status: 'ok' } } : { status: 503, body: { status: 'draining' } },
  '/routes': (_, view) => ({ status: 200, body: view.routes().map(({ name, config }) => ({ ...config, name })) }),
  '/explain': explainPage,
}

/** What one gateway tells of itself. */
export function pagesOf(view: AdminView): Pages {
  return {
    paths: Object.keys(PAGES),
    get: (path, query) => (Object.hasOwn(PAGES, path) ? PAGES[path]!(query, view) : undefined),
  }
}

/** A page in a browser may reach loopback under a name of its own (DNS rebinding); only these names are answered. */
const HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export interface Admin {
  readonly port: number
  close(): Promise<void>
}

/** Listens on 127.0.0.1. @throws the system's error when the port is taken. */
export async function serveAdmin(port: number, pages: Pages): Promise<Admin> {
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, pages))
  await listen(server, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: once it listens, an error is a connection that could not be accepted, and must not end the process.
    server.on('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, pages: Pages): Promise<void> {
  try {
    const { status, body } = await page(incoming, pages)
    send(outgoing, status, body)
  } catch (thrown) {
    const error = asSkeinError(thrown)
    send(outgoing, error.kind.status, error.toBody())
  }
}

async function page(incoming: IncomingMessage, pages: Pages): Promise<Page> {
  if (!HOSTS.has(normaliseHost(incoming.headers.host ?? ''))) return { status: 421, body: { error: 'wrong host' } }
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') throw new SkeinError('METHOD_NOT_ALLOWED', 'only GET')
  return askPage(pages, incoming.url ?? '/')
}

/** `target` is path and query. @throws SkeinError, as where there is no such page. */
export async function askPage(pages: Pages, target: string): Promise<Page> {
  const [path, ...rest] = target.split('?')
  const found = pages.get(path!, new URLSearchParams(rest.join('?')))
  if (found === undefined) throw new SkeinError('NOT_FOUND', `no page ${path}; there are ${pages.paths.join(', ')}`)
  return found
}

function send(outgoing: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string'
  outgoing.writeHead(status, {
    'content-type': isText ? METRICS_CONTENT_TYPE : 'application/json',
    'x-content-type-options': 'nosniff',
  })
  outgoing.end(isText ? body : toJson(body))
}

export function toJson(body: unknown): string {
  return JSON.stringify(body, shownValue)
}

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** A step of the user's own by its name; a private key that stands in the configuration not at all, whatever stands before it. */
function shownValue(_key: string, value: unknown): unknown {
  if (typeof value === 'function') return `function ${value.name}`
  return typeof value === 'string' && PRIVATE_KEY.test(value) ? 'a private key' : value
}

/** `?method=GET&path=/x?a=b&host=…&header=a:b`: what such a request would meet now. */
async function explainPage(query: URLSearchParams, view: AdminView): Promise<Page> {
  const request = askedRequest(query)
  const { route, why, others } = explain(view.routes(), request)
  const rest = others.map(({ route: other, matches, why: reason }) => ({ route: other.name, matches, why: reason }))
  if (route === undefined) return { status: 200, body: { request: shown(request), route: null, why, others: rest } }
  return {
    status: 200,
    body: {
      request: shown(request),
      route: { ...route.config, name: route.name },
      why,
      rules: view.rulesOf(route),
      policy: parseBalance(route.config.balance),
      ...(await candidatesOf(route, view.caller)),
      others: rest,
    },
  }
}

/** Also where the registry is silent the rest of the page is worth having. */
async function candidatesOf(
  route: GatewayRoute,
  caller: Caller,
): Promise<{ candidates: CandidateState[]; guards?: GuardState[]; unknown?: string }> {
  const services = servicesOf(route)
  try {
    const all = await Promise.all(services.map((service) => caller.inspect(service, route.policy)))
    return { candidates: all.flat(), guards: services.map((service) => caller.guards(service, route.policy)) }
  } catch (thrown) {
    return { candidates: [], unknown: asSkeinError(thrown).message }
  }
}

function servicesOf({ config: { to, split } }: GatewayRoute): string[] {
  return to === undefined ? Object.keys(split?.to ?? {}) : [to]
}

function askedRequest(query: URLSearchParams): RouteRequest {
  const host = query.get('host') ?? 'localhost'
  const target = parseTarget(query.get('path') ?? '/', host)
  if ('reason' in target) {
    throw new SkeinError('BAD_REQUEST', `such a request is refused: ${target.message}`, { reason: target.reason })
  }
  const headers = query.getAll('header').flatMap((line) => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  })
  return { method: (query.get('method') ?? 'GET').toUpperCase(), host: normaliseHost(host), headers, ...target }
}

function shown({ method, host, path, query }: RouteRequest): Record<string, string> {
  return { method, host, path, query }
}
