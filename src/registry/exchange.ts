/** One request and its answer, from head to last byte, in the order in which it happens. */
import { hash } from 'node:crypto'
import { SkeinError } from '../core/errors.ts'
import { header } from '../core/headers.ts'
import { httpDate } from '../core/http-date.ts'
import { CHUNKED, type ExchangeObserver, type ServerExchange } from '../wire/contract.ts'
import type { Rights } from './acl/contract.ts'
import { UNLIMITED } from './acl/rights.ts'
import { AnswerStream } from './answer-stream.ts'
import { Encoded, prettyJson } from './api/encoded.ts'
import { type Answer, type ApiRequest, type Endpoint, type Registry, text } from './api/endpoint.ts'
import { type Guard, tokenOf } from './api/guard.ts'
import { acceptsGzip, readBody } from './api/incoming.ts'
import { cleanPath, encodePath, parseTarget } from './api/path.ts'
import { QueryString } from './api/query-string.ts'
import type { PathTable } from './api/table.ts'
import type { Origin } from './history/contract.ts'
import { because } from './history/origin.ts'
import { otherMethod, redirect, refuse, unknown } from './replies.ts'
import { Refusal } from './state/refusal.ts'

/** What all exchanges share. */
export interface Shared {
  readonly registry: Registry
  readonly guard: Guard
  readonly paths: PathTable
  /** User agents that the log has told about; each once. */
  readonly hinted: Set<string>
  onOver(): void
}

const HINTS_MAX = 100
const NO_QUERY = new QueryString('')

/** It is what the endpoint sees, too: a held query costs this object and few others. */
export class Exchange implements ApiRequest, ExchangeObserver {
  path = 'unknown'
  name = ''
  query = NO_QUERY
  readonly #shared: Shared
  readonly #wire: ServerExchange
  readonly #started: number
  #held = false
  #gone = false
  #whenGone: (() => void) | undefined
  #stream: AnswerStream | undefined

  constructor(shared: Shared, wire: ServerExchange) {
    this.#shared = shared
    this.#wire = wire
    this.#started = shared.registry.clock.monotonic()
    wire.observer = this
  }

  run(): void {
    this.#respond().then(
      (answer) => this.#answer(answer),
      (error) => this.#answer(this.#refusal(error)),
    )
  }

  async #respond(): Promise<Answer> {
    const { guard, paths, registry } = this.#shared
    const { method } = this
    const target = parseTarget(this.#wire.head.target)
    this.query = new QueryString(target.query)
    guard.check(this, target.path)
    const cleaned = cleanPath(target.path)
    if (cleaned !== undefined) return redirect(method, encodePath(cleaned), target.query)
    const match = paths.match(target.path)
    if (match === undefined) return unknown(method, target.path)
    this.path = match.endpoint.path
    this.name = match.name
    const handler = match.endpoint[method as 'GET']
    if (handler === undefined) {
      this.#hintAtOldClient(match.endpoint)
      return otherMethod(method, match.endpoint)
    }
    if (registry.access.enabled && registry.store.shared) await this.#lookForToken()
    // What only reads has no cause to be told.
    return method === 'GET' ? handler(this, registry) : because(this.#origin(), () => handler(this, registry))
  }

  // Bound, as they are handed on by themselves.

  readonly header = (name: string) => header(this.#wire.head.headers, name)

  /** Only of a held query; its time held is no answering time. */
  readonly onGone = (run: () => void) => {
    const { watchers } = this.#shared.registry.counters
    this.#held = true
    this.#whenGone = run
    if (this.#gone) queueMicrotask(run) // gone while the view caught up with others' writes
    watchers.value++
    return () => {
      this.#whenGone = undefined
      watchers.value--
    }
  }

  get method(): string {
    return this.#wire.head.method
  }

  get peer(): string {
    return this.#wire.peer.ip
  }

  get token(): string | undefined {
    return tokenOf(this)
  }

  get rights(): Rights {
    const { access } = this.#shared.registry
    return access.enabled ? access.rightsOf(this.token) : UNLIMITED
  }

  body(maxBytes: number, tooLarge?: (bytes: number) => string): Promise<Buffer> {
    return readBody(this.#wire, this.#shared.registry.clock, maxBytes, tooLarge)
  }

  // What becomes of the answer.

  drained(): void {
    this.#stream?.drained()
  }

  gone(): void {
    this.#gone = true
    this.#whenGone?.()
    this.#stream?.destroy()
    this.#shared.onOver()
  }

  done(): void {
    this.#shared.onOver()
  }

  /** Another registry on the store may have made it just now. */
  async #lookForToken(): Promise<void> {
    const { access, store } = this.#shared.registry
    if (access.tokenOf(this.token) === undefined) await store.catchUp()
  }

  #origin(): Origin {
    const { access } = this.#shared.registry
    const { token } = this
    const origin: Origin = { Cause: 'api', Actor: this.#wire.peer.ip }
    if (!access.enabled) return { ...origin, Token: token && hash('sha256', token).slice(0, 8) }
    const known = access.tokenOf(token)
    return { ...origin, Token: known?.AccessorID, TokenName: known?.Description }
  }

  /** Clients from before Consul 1.0 write by GET: their beats and deregistrations silently do nothing. */
  #hintAtOldClient({ path, PUT }: Endpoint): void {
    const { hinted, registry } = this.#shared
    const userAgent = this.header('user-agent') ?? 'unknown'
    if (this.method !== 'GET' || PUT === undefined || hinted.size >= HINTS_MAX || hinted.has(userAgent)) return
    hinted.add(userAgent)
    registry.log.warn({ userAgent, path }, 'a client writes by GET, which is refused; it needs one that uses PUT')
  }

  #refusal(error: unknown): Answer {
    const { log, store } = this.#shared.registry
    if (error instanceof Refusal) return refuse(error, this.method, this.path)
    if (error instanceof SkeinError) {
      log[error === store.failure ? 'debug' : 'error']({ err: error }, 'a write failed') // the storage told of its own already
      return text(error.kind.status, error.message)
    }
    if (this.#gone) log.debug({ err: error }, 'a client broke off')
    else log.error({ err: error, endpoint: this.path }, 'a request failed')
    return text(500, 'internal error; the log of the registry has the cause')
  }

  #answer(answer: Answer): void {
    if (answer.stream !== undefined) this.#held = true
    this.#count(answer.status)
    if (this.#gone) return
    try {
      if (answer.stream !== undefined) this.#begin(answer.headers, answer.stream)
      else this.#send(answer)
    } catch (error) {
      this.#shared.registry.log.error({ err: error, endpoint: this.path }, 'an answer could not be written')
      this.#wire.reset()
    }
  }

  #send({ status, headers, body }: Answer): void {
    const shown = this.query.has('pretty') && body !== undefined && isJson(headers) ? pretty(body) : body
    const gzip = acceptsGzip(this.header('accept-encoding')) ? shown?.gzip : undefined
    const encoding = gzip === undefined ? [] : ['Content-Encoding', 'gzip']
    if (this.#shared.registry.store.hub.closed) this.#wire.closeAfter()
    const fields = ['Vary', 'Accept-Encoding', ...this.#ownFields(), ...headers, ...encoding]
    this.#wire.send(status, fields, gzip ?? shown?.bytes)
  }

  /** Not compressed: each part has to leave at once. */
  #begin(headers: readonly string[], stream: NonNullable<Answer['stream']>): void {
    this.#wire.begin(200, [...this.#ownFields(), ...headers, 'X-Content-Type-Options', 'nosniff'], CHUNKED)
    this.#stream = new AnswerStream(this.#wire)
    stream(this.#stream)
  }

  #ownFields(): string[] {
    const { clock, defaultPolicy } = this.#shared.registry
    return ['Date', httpDate(clock), 'X-Consul-Default-ACL-Policy', defaultPolicy]
  }

  #count(status: number): void {
    const { counters, clock } = this.#shared.registry
    const method = KNOWN_METHODS.has(this.method) ? this.method : 'other'
    counters.requests.with(this.path, method, String(status)).value++
    if (this.#held) return
    counters.duration.observe(counters.duration.with(this.path, method), (clock.monotonic() - this.#started) / 1000)
  }
}

const KNOWN_METHODS = new Set(['GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'OPTIONS'])

const isJson = (headers: readonly string[]) => headers[headers.indexOf('Content-Type') + 1] === 'application/json'

const pretty = (body: Encoded) => new Encoded(prettyJson(body.bytes.toString('utf8')))
