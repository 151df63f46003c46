/** A thin client of Consul's HTTP API: what discovery, registration, contracts and configuration need, and nothing else. */
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { readAddresses } from './addresses.ts'
import { type BlockingOptions, isBlocking, patience, withWait } from './blocking.ts'
import { Failover } from './failover.ts'
import { type RegistryAnswer, RegistryPeer, type RegistryRequest } from './registry-peer.ts'
import { isRepeatable, wasNotSent } from './repeatable.ts'
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

export interface ConsulRequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Whole request at all addresses, ms. Default 10,000; for a blocking query wait × 17/16 + 5,000 (the server adds up to wait/16). */
  readonly timeoutMs?: number | undefined
}

export interface ConsulGetOptions extends ConsulRequestOptions, BlockingOptions {}

export interface ConsulAnswer extends RegistryAnswer {
  /** The JSON value, or undefined when the text is none. */
  readonly body: unknown
}

export interface KvEntry {
  readonly value: string
  readonly modifyIndex: number
}

const TIMEOUT_MS = 10_000
/** Longest time for one of several addresses, while there is another to ask: then it counts as hanging, ms. */
const ONE_OF_SEVERAL_MS = 2_000
/** A blocking query moves on within so long, at random: the watchers of a registry that dies do not fall on the next one at once. */
const SPREAD_MS = 1_000

/**
 * Shared by everything in a process that talks to one registry. Connections are kept alive and not capped: each watch
 * holds one for as long as its query blocks.
 *
 * With several addresses a request goes to the one that worked last; where that refuses, breaks off, hangs or answers 500 or
 * above, to the next at once: reads and repeatable writes always, other writes where nothing was sent. Backing off is for the
 * caller, after all have failed.
 * @throws ConfigError for an address that is none; SkeinError REGISTRY_UNAVAILABLE from every method on a network error, a
 * time-out or a status of 500 or above, from all addresses.
 */
export class ConsulClient {
  /** All addresses, separated by commas: for messages. */
  readonly address: string
  /** What those who ask through this client learnt last; undefined = it is not kept. */
  readonly snapshots: SnapshotFolder | undefined
  readonly #token: string | undefined
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Logger
  readonly #peers: Failover<RegistryPeer>
  #closed = false

  constructor(options: ConsulClientOptions) {
    const { clock = systemClock, random = systemRandom, log = silentLogger } = options
    const addresses = readAddresses(options.address)
    this.address = addresses.join(',')
    this.#token = options.token
    this.#clock = clock
    this.#random = random
    this.#log = log
    const { snapshots: folder } = options
    this.snapshots = folder === undefined ? undefined : new SnapshotFolder({ folder, clock, log })
    const peers = addresses.map((address) => new RegistryPeer(address, { clock, random }))
    this.#peers = new Failover(peers, random)
  }

  /** A status below 500 is an answer, also 404. */
  async get(path: string, options: ConsulGetOptions = {}): Promise<ConsulAnswer> {
    options.signal?.throwIfAborted()
    const answer = isBlocking(options) ? await this.#wait(path, options) : await this.#send('GET', path, options)
    return { ...answer, body: parseJson(answer.text) }
  }

  /** An answer made no sense: whoever sits at that address, the next request begins at another one. */
  doubt({ registry }: Pick<ConsulAnswer, 'registry'>): void {
    const [first, second] = this.#peers.turn
    if (first!.address === registry && second !== undefined) this.#move(second, new Map([[first!, 'no sense']]))
  }

  /** `body`: a string or bytes are sent as they are, anything else as JSON. */
  async put(
    path: string,
    body?: unknown,
    options: ConsulRequestOptions = {},
  ): Promise<{ status: number; text: string }> {
    const isPlain = typeof body === 'string' || body instanceof Uint8Array || body === undefined
    return this.#send('PUT', path, options, isPlain ? body : JSON.stringify(body))
  }

  async delete(path: string, options: ConsulRequestOptions = {}): Promise<{ status: number; text: string }> {
    return this.#send('DELETE', path, options)
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
    this.#closed = true
    await Promise.all([...this.#peers.turn.map((peer) => peer.close()), this.snapshots?.flush()])
  }

  /** A blocking query at the address in use; asked anew at another one, without its index, where that fails. */
  async #wait(path: string, options: ConsulGetOptions): Promise<RegistryAnswer> {
    const { signal, index = 0 } = options
    const peer = this.#peers.first
    const several = this.#peers.turn.length > 1
    if (several && !peer.hasReached(index)) return this.#send('GET', path, { signal })
    try {
      return await this.#waitAt(peer, path, options)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (!several || this.#closed) throw this.#unavailable('GET', path, new Map([[peer, error]]))
      await sleep(SPREAD_MS * this.#random(), this.#clock, signal)
      return this.#send('GET', path, { signal }, undefined, new Map([[peer, error]]))
    }
  }

  async #waitAt(peer: RegistryPeer, path: string, options: ConsulGetOptions): Promise<RegistryAnswer> {
    const stop = new AbortController()
    const giveUp = (reason: unknown) => stop.abort(reason)
    const cancel = () => giveUp(options.signal?.reason)
    options.signal?.addEventListener('abort', cancel, { once: true })
    const leave = this.#peers.turn.length > 1 ? peer.vigil.enter(giveUp) : () => {}
    try {
      const limitMs = options.timeoutMs ?? patience(options)
      const request = this.#request('GET', withWait(path, options))
      return await peer.ask(request, { limitMs, signal: stop.signal, waits: true })
    } finally {
      leave()
      options.signal?.removeEventListener('abort', cancel)
    }
  }

  /** One round: each address once, those in `failed` last. */
  async #send(
    method: RegistryRequest['method'],
    path: string,
    { signal, timeoutMs = TIMEOUT_MS }: ConsulRequestOptions,
    body?: string | Uint8Array,
    failed = new Map<RegistryPeer, unknown>(),
  ): Promise<RegistryAnswer> {
    const request = this.#request(method, path, body)
    const end = this.#clock.monotonic() + timeoutMs
    const turn = this.#peers.turn.toSorted((a, b) => Number(failed.has(a)) - Number(failed.has(b)))
    for (const [i, peer] of turn.entries()) {
      const limitMs = shareOf(end - this.#clock.monotonic(), isRepeatable(method, path) ? turn.length - i : 1)
      try {
        const answer = await peer.ask(request, { limitMs, signal })
        this.#move(peer, failed)
        return answer
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        failed.set(peer, error)
        if (this.#closed || !(isRepeatable(method, path) || wasNotSent(error))) break
      }
    }
    throw this.#unavailable(method, path, failed)
  }

  #request(method: RegistryRequest['method'], path: string, body?: string | Uint8Array): RegistryRequest {
    return { method, path, body, headers: this.#token === undefined ? {} : { 'x-consul-token': this.#token } }
  }

  #move(to: RegistryPeer, failed: ReadonlyMap<RegistryPeer, unknown>): void {
    const from = this.#peers.first
    if (!this.#peers.moveTo(to, failed)) return
    const reason = reasonOf(failed.get(from))
    this.#log.warn(
      { registry: to.address, before: from.address, reason },
      'moved on to another address of the registry',
    )
  }

  #unavailable(method: string, path: string, failed: ReadonlyMap<RegistryPeer, unknown>): SkeinError {
    const [[, cause] = []] = failed
    const reasons = [...failed].map(([{ address }, error]) => `${address}: ${reasonOf(error)}`)
    const why = this.#peers.turn.length === 1 ? reasonOf(cause) : reasons.join('; ')
    return this.#failure(method, path, why, cause)
  }

  #failure(method: string, path: string, why: string, cause?: unknown): SkeinError {
    const message = `registry at ${this.address}: ${method} ${path.split('?')[0]}: ${why}`
    return new SkeinError('REGISTRY_UNAVAILABLE', message, { registry: this.address }, cause)
  }

  #refused(method: string, path: string, answer: { status: number; text: string }): SkeinError {
    return this.#failure(method, path, `status ${answer.status}: ${answer.text.slice(0, 200)}`)
  }
}

/** What one of so many addresses gets of the time that is left, ms. */
function shareOf(leftMs: number, addresses: number): number {
  return addresses === 1 ? leftMs : Math.min(leftMs / addresses, ONE_OF_SEVERAL_MS)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
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
