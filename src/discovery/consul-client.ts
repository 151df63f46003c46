/** A thin client of Consul's HTTP API: what discovery, registration, contracts and configuration need, and nothing else. */
import { buildConnector, Pool } from 'undici'
import { type Clock, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'

export interface ConsulClientOptions {
  /** `http://127.0.0.1:8500`, without a path. */
  readonly address: string
  /** ACL token, sent as X-Consul-Token. */
  readonly token?: string | undefined
  readonly clock?: Clock | undefined
}

export interface ConsulRequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Whole request, ms. Default 10,000; for a blocking query wait × 17/16 + 5,000 (the server adds up to wait/16). */
  readonly timeoutMs?: number | undefined
}

export interface ConsulGetOptions extends ConsulRequestOptions {
  /** Makes it a blocking query: answer when the index is greater than this one. 0 or absent = at once. */
  readonly index?: number | undefined
  /** How long the registry may hold a blocking query, ms. Default: the registry's (300,000). */
  readonly waitMs?: number | undefined
}

export interface ConsulAnswer {
  readonly status: number
  /** X-Consul-Index; 0 when it is missing or no number. */
  readonly index: number
  /** The JSON value, or undefined when the text is none. */
  readonly body: unknown
  readonly text: string
}

export interface KvEntry {
  readonly value: string
  readonly modifyIndex: number
}

const TIMEOUT_MS = 10_000
const DEFAULT_WAIT_MS = 300_000
const WAIT_MARGIN_MS = 5_000
const CONNECT_TIMEOUT_MS = 2_000

const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS })

/** Undici references a socket again with each request, so the socket is made deaf to it. */
const connectUnreferenced: typeof connect = (options, done) =>
  connect(options, (...[error, socket]) => {
    if (error !== null) return done(error, null)
    socket.unref()
    socket.ref = () => socket
    done(null, socket)
  })

/**
 * Shared by everything in a process that talks to one registry. Connections are kept alive and not capped: each watch
 * holds one for as long as its query blocks.
 * @throws SkeinError REGISTRY_UNAVAILABLE from every method on a network error, a time-out or a status of 500 or above.
 */
export class ConsulClient {
  readonly address: string
  readonly #token: string | undefined
  readonly #clock: Clock
  readonly #pool: Pool
  /** For blocking queries: waiting for a change must not keep a process alive that has nothing else to do. */
  readonly #waiting: Pool

  constructor(options: ConsulClientOptions) {
    this.address = options.address
    this.#token = options.token
    this.#clock = options.clock ?? systemClock
    // Time-outs are ours, by the clock: undici's would cut long waits and could not be tested with a virtual one.
    const settings = { pipelining: 1, keepAliveTimeout: 4_000, headersTimeout: 0, bodyTimeout: 0 } as const
    this.#pool = new Pool(options.address, { ...settings, connectTimeout: CONNECT_TIMEOUT_MS })
    this.#waiting = new Pool(options.address, { ...settings, connect: connectUnreferenced })
  }

  /** A status below 500 is an answer, also 404. */
  async get(path: string, options: ConsulGetOptions = {}): Promise<ConsulAnswer> {
    const { status, index, text } = await this.#send('GET', withWait(path, options), undefined, {
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? patience(options),
      pool: isBlocking(options) ? this.#waiting : this.#pool,
    })
    return { status, index, text, body: parseJson(text) }
  }

  /** `body`: a string or bytes are sent as they are, anything else as JSON. */
  async put(
    path: string,
    body?: unknown,
    options: ConsulRequestOptions = {},
  ): Promise<{ status: number; text: string }> {
    return this.#send(
      'PUT',
      path,
      typeof body === 'string' || body instanceof Uint8Array || body === undefined ? body : JSON.stringify(body),
      options,
    )
  }

  async delete(path: string, options: ConsulRequestOptions = {}): Promise<{ status: number; text: string }> {
    return this.#send('DELETE', path, undefined, options)
  }

  /** The value of a key, or undefined when there is none. */
  async kvGet(key: string, options: ConsulRequestOptions = {}): Promise<KvEntry | undefined> {
    const answer = await this.get(kvPath(key), options)
    if (answer.status === 404) return undefined
    const entry = Array.isArray(answer.body) ? (answer.body[0] as unknown) : undefined
    if (answer.status !== 200 || !isKvEntry(entry)) throw this.#refused('GET', kvPath(key), answer)
    return { value: Buffer.from(entry.Value ?? '', 'base64').toString(), modifyIndex: entry.ModifyIndex }
  }

  async kvPut(key: string, value: string, options: ConsulRequestOptions = {}): Promise<void> {
    const answer = await this.put(kvPath(key), value, options)
    if (answer.status !== 200) throw this.#refused('PUT', kvPath(key), answer)
  }

  /** Breaks off open requests, also blocking ones. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.#pool, this.#waiting].map((pool) => (pool.destroyed ? undefined : pool.destroy())))
  }

  async #send(
    method: 'GET' | 'PUT' | 'DELETE',
    path: string,
    body: string | Uint8Array | undefined,
    { signal, timeoutMs = TIMEOUT_MS, pool = this.#pool }: ConsulRequestOptions & { readonly pool?: Pool },
  ): Promise<{ status: number; index: number; text: string }> {
    signal?.throwIfAborted()
    const stop = new AbortController()
    const timer = this.#clock.after(timeoutMs, () => stop.abort(new Error(`no answer in ${timeoutMs} ms`)))
    const cancel = () => stop.abort(signal?.reason)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const headers = this.#token === undefined ? {} : { 'x-consul-token': this.#token }
      const answer = await pool.request({ method, path, headers, body: body ?? null, signal: stop.signal })
      const text = await answer.body.text()
      if (answer.statusCode >= 500) throw new Error(`status ${answer.statusCode}: ${text.slice(0, 200)}`)
      return { status: answer.statusCode, index: readIndex(answer.headers['x-consul-index']), text }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.#unavailable(method, path, stop.signal.aborted ? stop.signal.reason : error)
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', cancel)
    }
  }

  #unavailable(method: string, path: string, cause: unknown): SkeinError {
    const why = cause instanceof Error ? cause.message || cause.name : String(cause)
    const message = `registry at ${this.address}: ${method} ${path.split('?')[0]}: ${why}`
    return new SkeinError('REGISTRY_UNAVAILABLE', message, { registry: this.address }, cause)
  }

  #refused(method: string, path: string, answer: { status: number; text: string }): SkeinError {
    return this.#unavailable(method, path, new Error(`status ${answer.status}: ${answer.text.slice(0, 200)}`))
  }
}

/** Adds `index` and `wait` to a path, which may have a query already. */
function withWait(path: string, { index, waitMs }: ConsulGetOptions): string {
  const query: string[] = []
  if (index !== undefined && index > 0) query.push(`index=${index}`)
  if (query.length > 0 && waitMs !== undefined) query.push(`wait=${waitMs}ms`)
  if (query.length === 0) return path
  return `${path}${path.includes('?') ? '&' : '?'}${query.join('&')}`
}

function isBlocking({ index }: ConsulGetOptions): boolean {
  return index !== undefined && index > 0
}

function patience(options: ConsulGetOptions): number {
  return isBlocking(options) ? ((options.waitMs ?? DEFAULT_WAIT_MS) * 17) / 16 + WAIT_MARGIN_MS : TIMEOUT_MS
}

function readIndex(value: string | string[] | undefined): number {
  const index = Number(value)
  return Number.isSafeInteger(index) && index > 0 ? index : 0
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Plain text is a lawful answer of some endpoints; who needs JSON sees undefined.
    return undefined
  }
}

function kvPath(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`
}

function isKvEntry(value: unknown): value is { Value: string | null; ModifyIndex: number } {
  return typeof value === 'object' && value !== null && 'Value' in value && 'ModifyIndex' in value
}
