/** A thin client of Consul's HTTP API: what discovery, registration, contracts and configuration need, and nothing else. */
import { type Clock, systemClock } from '../core/clock.ts'
import type { SkeinError } from '../core/errors.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { type BlockingOptions, isBlocking } from './blocking.ts'
import type { RegistryAnswer } from './registry-peer.ts'
import { RegistryRequests, type RequestOptions, registryFailed } from './registry-requests.ts'
import { SnapshotFolder } from './snapshot-folder.ts'

export interface ConsulClientOptions {
  /**
   * `http://127.0.0.1:8500`, without a path. Several addresses of one registry are separated by commas: a request that one of
   * them fails goes to the next.
   */
  readonly address: string
  /** ACL token, sent as X-Consul-Token. */
  readonly token?: string | undefined
  readonly clock?: Clock | undefined
  /** For the order of several addresses. */
  readonly random?: Random | undefined
  /** Told when it moves on to another address. */
  readonly log?: Logger | undefined
  /** Folder where what it learns is kept for a start without the registry; absent = nowhere. */
  readonly snapshots?: string | undefined
}

export type ConsulRequestOptions = RequestOptions

export interface ConsulGetOptions extends ConsulRequestOptions, BlockingOptions {}

export interface ConsulAnswer extends RegistryAnswer {
  /** The JSON value, or undefined when the text is none. */
  readonly body: unknown
}

export interface KvEntry {
  readonly value: string
  readonly modifyIndex: number
}

/**
 * Shared by everything in a process that talks to one registry. Connections are kept alive and not capped: each watch
 * holds one for as long as its query blocks.
 * With several addresses a request goes on to the next where one fails it; backing off is for the caller, after all have.
 * @throws ConfigError for an address that is none; SkeinError REGISTRY_UNAVAILABLE from every method on a network error, a
 * time-out or a status of 500 or above, from all addresses.
 */
export class ConsulClient {
  /** All addresses, separated by commas: for messages. */
  readonly address: string
  /** What those who ask through this client learnt last; undefined = it is not kept. */
  readonly snapshots: SnapshotFolder | undefined
  readonly #requests: RegistryRequests

  constructor({ address: addresses, token, snapshots: folder, ...options }: ConsulClientOptions) {
    const { clock = systemClock, random = systemRandom, log = silentLogger } = options
    this.#requests = new RegistryRequests({ addresses, token, clock, random, log })
    this.address = this.#requests.address
    this.snapshots = folder === undefined ? undefined : new SnapshotFolder({ folder, clock, log })
  }

  /** A status below 500 is an answer, also 404. */
  async get(path: string, options: ConsulGetOptions = {}): Promise<ConsulAnswer> {
    options.signal?.throwIfAborted()
    const requests = this.#requests
    const answer = isBlocking(options) ? await requests.wait(path, options) : await requests.send('GET', path, options)
    return { ...answer, body: parseJson(answer.text) }
  }

  /**
   * A request that the registry keeps open (a lease): resolves with its status when it has ended it. It goes to the address in
   * use and to no other, is not given up when that hangs, and keeps no process alive.
   */
  async hold(path: string, signal: AbortSignal): Promise<{ readonly status: number }> {
    signal.throwIfAborted()
    return this.#requests.hold(path, signal)
  }

  /** An answer made no sense: whoever sits at that address, the next request begins at another one. */
  doubt({ registry }: Pick<ConsulAnswer, 'registry'>): void {
    this.#requests.leave(registry, 'its answer makes no sense')
  }

  /** `body`: a string or bytes are sent as they are, anything else as JSON. */
  async put(
    path: string,
    body?: unknown,
    options: ConsulRequestOptions = {},
  ): Promise<{ status: number; text: string }> {
    const isPlain = typeof body === 'string' || body instanceof Uint8Array || body === undefined
    return this.#requests.send('PUT', path, options, isPlain ? body : JSON.stringify(body))
  }

  async post(
    path: string,
    body: unknown,
    options: ConsulRequestOptions = {},
  ): Promise<{ status: number; text: string }> {
    return this.#requests.send('POST', path, options, JSON.stringify(body))
  }

  async delete(path: string, options: ConsulRequestOptions = {}): Promise<{ status: number; text: string }> {
    return this.#requests.send('DELETE', path, options)
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
    await Promise.all([this.#requests.close(), this.snapshots?.flush()])
  }

  #refused(method: string, path: string, answer: { status: number; text: string }): SkeinError {
    return registryFailed(this.address, method, path, `status ${answer.status}: ${answer.text.slice(0, 200)}`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Plain text is a lawful answer of some endpoints; who needs JSON sees undefined.
    return undefined
  }
}

/** The path of a key: a slash in it stays one. */
export function kvPath(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`
}

function isKvEntry(value: unknown): value is { Value: string | null; ModifyIndex: number } {
  return typeof value === 'object' && value !== null && 'Value' in value && 'ModifyIndex' in value
}
