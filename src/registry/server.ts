/** HTTP around the endpoints: one request from head to answer, in the order in which it happens. */
import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { boundConnections } from '../core/crowd.ts'
import { affordableConnections } from '../core/descriptors.ts'
import { SkeinError } from '../core/errors.ts'
import { METRICS_CONTENT_TYPE } from '../telemetry/metrics.ts'
import { UNKNOWN_TOKEN } from './acl/contract.ts'
import { UNLIMITED } from './acl/rights.ts'
import { Encoded, prettyJson } from './api/encoded.ts'
import type { Answer, ApiRequest, Endpoint, Registry } from './api/endpoint.ts'
import { text, UNKNOWN_PATH } from './api/endpoint.ts'
import { type Guard, tokenOf } from './api/guard.ts'
import { acceptsGzip, hasBody, headerOf, readBody } from './api/incoming.ts'
import { cleanPath, encodePath, parseTarget } from './api/path.ts'
import { QueryString } from './api/query-string.ts'
import { ENDPOINTS, PathTable } from './api/table.ts'
import type { Origin } from './history/contract.ts'
import { because } from './history/origin.ts'
import { Refusal } from './state/refusal.ts'

const UNKNOWN_PREFIX = "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"

/** Beside Consul's paths: what every Skein process serves, and the root that Consul's clients use as a ping. */
const OWN_ENDPOINTS: readonly Endpoint[] = [
  { path: '/metrics', GET: metrics },
  { path: '/health/ready', GET: ready },
  { path: '/health/live', GET: () => plain('live\n') },
]

function metrics({ rights }: ApiRequest, registry: Registry): Answer {
  rights.require('agent', 'read', registry.node)
  return plain(registry.metrics.toText(), METRICS_CONTENT_TYPE)
}

/** Reads are served all the same; who sends writes looks here. */
function ready(_request: ApiRequest, { store: { failure } }: Registry): Answer {
  return failure === undefined ? plain('ready\n') : text(503, failure.message)
}

const plain = (body: string, type = 'text/plain; charset=utf-8'): Answer => ({
  status: 200,
  headers: ['Content-Type', type],
  body: new Encoded(body),
})

/** Slow or oversized requests are cut off; a held answer is not a slow request. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16 * 1024,
}

export function createRegistryServer(registry: Registry, guard: Guard): Server {
  const paths = new PathTable([...ENDPOINTS, ...OWN_ENDPOINTS])
  const shared = { registry, guard, paths, hinted: new Set<string>() }
  const server = createServer(LIMITS, (incoming, outgoing) => {
    new Exchange(shared, incoming, outgoing).run()
  })
  boundConnections(server, affordableConnections(1))
  return server
}

/** User agents that the log has told about; each once. */
const HINTS_MAX = 100

interface Shared {
  readonly registry: Registry
  readonly guard: Guard
  readonly paths: PathTable
  readonly hinted: Set<string>
}

/** One request and its answer. */
class Exchange {
  readonly #registry: Registry
  readonly #guard: Guard
  readonly #paths: PathTable
  readonly #hinted: Set<string>
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #started: number
  #endpoint = 'unknown'
  #pretty = false
  #held = false

  constructor({ registry, guard, paths, hinted }: Shared, incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#registry = registry
    this.#guard = guard
    this.#paths = paths
    this.#hinted = hinted
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#started = registry.clock.monotonic()
  }

  run(): void {
    this.#outgoing.on('error', (error) => this.#registry.log.debug({ err: error }, 'a client broke off'))
    this.#respond().then(
      (answer) => this.#send(answer),
      (error) => this.#send(this.#refusal(error)),
    )
  }

  async #respond(): Promise<Answer> {
    const method = this.#incoming.method ?? 'GET'
    const target = parseTarget(this.#incoming.url ?? '/')
    const header = (name: string) => headerOf(this.#incoming, name)
    const query = new QueryString(target.query)
    this.#pretty = query.has('pretty')
    this.#guard.check({ method, query, header }, target.path)
    const cleaned = cleanPath(target.path)
    if (cleaned !== undefined) return redirect(method, encodePath(cleaned), target.query)
    const match = this.#paths.match(target.path)
    if (match === undefined) return unknown(method, target.path)
    this.#endpoint = match.endpoint.path
    const handler = match.endpoint[method as 'GET']
    if (handler === undefined) {
      this.#hintAtOldClient(method, match.endpoint, header('user-agent'))
      return otherMethod(method, match.endpoint)
    }
    const { access } = this.#registry
    const request: ApiRequest = {
      method,
      path: match.endpoint.path,
      name: match.name,
      query,
      header,
      get token() {
        return tokenOf({ query, header })
      },
      get rights() {
        return access.enabled ? access.rightsOf(this.token) : UNLIMITED
      },
      body: (maxBytes, tooLarge) => readBody(this.#incoming, maxBytes, tooLarge),
      onGone: (run) => this.#onGone(run),
    }
    if (access.enabled && this.#registry.store.shared) await this.#lookForToken(request)
    return because(this.#origin(request), () => handler(request, this.#registry))
  }

  /** Another registry on the store may have made it just now. */
  async #lookForToken(request: ApiRequest): Promise<void> {
    const { access, store } = this.#registry
    if (access.tokenOf(request.token) === undefined) await store.catchUp()
  }

  #origin(request: ApiRequest): Origin {
    const { access } = this.#registry
    const origin: Origin = { Cause: 'api', Actor: this.#incoming.socket.remoteAddress }
    if (request.method === 'GET') return origin
    const { token } = request
    if (!access.enabled) return { ...origin, Token: token && hash('sha256', token).slice(0, 8) }
    const known = access.tokenOf(token)
    return { ...origin, Token: known?.AccessorID, TokenName: known?.Description }
  }

  /** Clients from before Consul 1.0 write by GET: their beats and deregistrations silently do nothing. */
  #hintAtOldClient(method: string, { path, PUT }: Endpoint, userAgent = 'unknown'): void {
    if (method !== 'GET' || PUT === undefined || this.#hinted.size >= HINTS_MAX || this.#hinted.has(userAgent)) return
    this.#hinted.add(userAgent)
    this.#registry.log.warn({ userAgent, path }, 'a client writes by GET, which is refused; it needs one that uses PUT')
  }

  /** Only a held query listens, so an ordinary request pays nothing for it. Its time held is not an answering time. */
  #onGone(run: () => void): () => void {
    this.#held = true
    if (this.#outgoing.closed)
      queueMicrotask(run) // gone while the view caught up with others' writes
    else this.#outgoing.once('close', run)
    this.#registry.counters.watchers.value++
    return () => {
      this.#outgoing.off('close', run)
      this.#registry.counters.watchers.value--
    }
  }

  #refusal(error: unknown): Answer {
    if (error instanceof Refusal) return refuse(error, this.#incoming.method === 'GET' && INDEXED.test(this.#endpoint))
    if (error instanceof SkeinError) {
      const { log, store } = this.#registry
      log[error === store.failure ? 'debug' : 'error']({ err: error }, 'a write failed') // the storage told of its own already
      return text(error.kind.status, error.message)
    }
    this.#registry.log.error({ err: error, endpoint: this.#endpoint }, 'a request failed')
    return text(500, 'internal error; the log of the registry has the cause')
  }

  #send(answer: Answer): void {
    if (answer.stream !== undefined) this.#held = true
    this.#count(answer.status)
    if (this.#outgoing.destroyed) return
    if (answer.stream !== undefined) this.#stream(answer.headers, answer.stream)
    else this.#finish(answer)
  }

  #finish(answer: Answer): void {
    const { headers, body } = this.#encode(answer)
    this.#finishConnection(headers)
    this.#outgoing.writeHead(answer.status, headers)
    this.#outgoing.end(this.#incoming.method === 'HEAD' ? undefined : body)
  }

  /** Not compressed: each part has to leave at once. */
  #stream(headers: readonly string[], stream: NonNullable<Answer['stream']>): void {
    const all = ['X-Consul-Default-ACL-Policy', this.#registry.defaultPolicy, ...headers]
    this.#outgoing.writeHead(200, [...all, 'X-Content-Type-Options', 'nosniff'])
    this.#outgoing.flushHeaders()
    stream(this.#outgoing)
  }

  #encode({ headers, body }: Answer): { headers: string[]; body: Buffer | undefined } {
    const all = ['Vary', 'Accept-Encoding', 'X-Consul-Default-ACL-Policy', this.#registry.defaultPolicy, ...headers]
    const shown = this.#pretty && body !== undefined && isJson(headers) ? pretty(body) : body
    const gzip = shown !== undefined && acceptsGzip(this.#incoming) ? shown.gzip : undefined
    const bytes = gzip ?? shown?.bytes
    if (gzip !== undefined) all.push('Content-Encoding', 'gzip')
    all.push('Content-Length', String(bytes?.length ?? 0))
    return { headers: all, body: bytes }
  }

  /** What is left of a refused body is not read: the connection ends with the answer. So it does when the registry closes. */
  #finishConnection(headers: string[]): void {
    const unread = !this.#incoming.complete && hasBody(this.#incoming)
    if (unread || this.#registry.store.hub.closed) headers.push('Connection', 'close')
  }

  #count(status: number): void {
    const { counters, clock } = this.#registry
    const method = KNOWN_METHODS.has(this.#incoming.method ?? '') ? this.#incoming.method! : 'other'
    counters.requests.with(this.#endpoint, method, String(status)).value++
    if (this.#held) return
    counters.duration.observe(
      counters.duration.with(this.#endpoint, method),
      (clock.monotonic() - this.#started) / 1000,
    )
  }
}

const KNOWN_METHODS = new Set(['GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'OPTIONS'])

const isJson = (headers: readonly string[]) => headers[headers.indexOf('Content-Type') + 1] === 'application/json'

const pretty = (body: Encoded) => new Encoded(prettyJson(body.bytes.toString('utf8')))

function redirect(method: string, path: string, query: string): Answer {
  const location = query === '' ? path : `${path}?${query}`
  if (method !== 'GET') return { status: 301, headers: ['Location', location] }
  const safe = location
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&#34;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
  return {
    status: 301,
    headers: ['Content-Type', 'text/html; charset=utf-8', 'Location', location],
    body: new Encoded(`<a href="${safe}">Moved Permanently</a>.\n\n`),
  }
}

function unknown(method: string, path: string): Answer {
  if (path === '/' && method === 'GET') return plain('Consul Agent')
  return text(404, path.startsWith('/v1/') ? UNKNOWN_PATH : UNKNOWN_PREFIX)
}

function otherMethod(method: string, endpoint: Endpoint): Answer {
  const allowed = [
    'OPTIONS',
    ...(['GET', 'PUT', 'POST', 'DELETE'] as const).filter((name) => endpoint[name] !== undefined),
  ]
  if (method === 'OPTIONS') return { status: 200, headers: ['Allow', allowed.join(',')] }
  return text(405, `method ${method} not allowed`, ['Allow', allowed.join(',')])
}

/** Errors of blocking endpoints carry an index of 1, so that clients which insist on one start over. */
function refuse(refusal: Refusal, blocking: boolean): Answer {
  const retry = refusal.status === 429 ? ['Retry-After', '1'] : []
  const indexed = blocking ? ['X-Consul-Index', '1', 'X-Consul-KnownLeader', 'false', 'X-Consul-LastContact', '0'] : []
  if (refusal.status === 400 && refusal.message === '') return { status: 400, headers: retry }
  return text(refusal.status, refusal.message, [
    ...(refusal.status === 500 || refusal.message === UNKNOWN_TOKEN ? indexed : []),
    ...retry,
  ])
}

const INDEXED =
  /^\/v1\/(acl\/|health|catalog\/(services?|nodes?|node-services)(\/|$)|kv|session\/(info|node|list)|query)/
