/** One address of a registry: its connections, and what is known of it. */
import { buildConnector, Pool } from 'undici'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { Vigil } from './vigil.ts'

export interface RegistryRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

export interface RegistryAnswer {
  /** The address that answered. */
  readonly registry: string
  readonly status: number
  /** X-Consul-Index; 0 when it is missing or no number. */
  readonly index: number
  /** False when the registry says that it has lost its store, so that this may be out of date (X-Consul-KnownLeader). */
  readonly current: boolean
  readonly text: string
}

export interface AskOptions {
  /** For the whole exchange, ms. */
  readonly limitMs: number
  readonly signal?: AbortSignal | undefined
  /** A blocking query: it must not keep a process alive that has nothing else to do. */
  readonly waits?: boolean | undefined
}

const CONNECT_TIMEOUT_MS = 2_000
/** For the question whether it is still there, ms. */
const VIGIL_LIMIT_MS = 2_000

const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS })

/** Undici references a socket again with each request, so the socket is made deaf to it. */
const connectUnreferenced: typeof connect = (options, done) =>
  connect(options, (...[error, socket]) => {
    if (error !== null) return done(error, null)
    socket.unref()
    socket.ref = () => socket
    done(null, socket)
  })

export class RegistryPeer {
  readonly address: string
  readonly vigil: Vigil
  readonly #clock: Clock
  readonly #pool: Pool
  readonly #waiting: Pool
  /** The highest index it has answered with since it last failed. */
  #reached = 0

  constructor(address: string, options: { readonly clock: Clock; readonly random: Random }) {
    this.address = address
    this.#clock = options.clock
    // Time-outs are ours, by the clock: undici's would cut long waits and could not be tested with a virtual one.
    const settings = { pipelining: 1, keepAliveTimeout: 4_000, headersTimeout: 0, bodyTimeout: 0 } as const
    this.#pool = new Pool(address, { ...settings, connectTimeout: CONNECT_TIMEOUT_MS })
    this.#waiting = new Pool(address, { ...settings, connect: connectUnreferenced })
    const alive = { method: 'GET', path: '/v1/status/leader', headers: {} } as const
    this.vigil = new Vigil({ ...options, ask: () => this.ask(alive, { limitMs: VIGIL_LIMIT_MS, waits: true }) })
  }

  /**
   * Whether a blocking query may wait here for what comes after `index`. One from the future, learnt from another registry or
   * before this one was wiped, would sleep its whole wait while changes go by.
   */
  hasReached(index: number): boolean {
    return index <= Math.max(1, this.#reached)
  }

  /** @throws what went wrong, a status of 500 or above included; the signal's reason when it is aborted. */
  async ask(request: RegistryRequest, { limitMs, signal, waits = false }: AskOptions): Promise<RegistryAnswer> {
    signal?.throwIfAborted()
    const stop = new AbortController()
    const timer = this.#clock.after(limitMs, () => stop.abort(new Error(`no answer in ${Math.round(limitMs)} ms`)))
    const cancel = () => stop.abort(signal?.reason)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const pool = waits ? this.#waiting : this.#pool
      return await this.#exchange(pool, request, stop.signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.#reached = 0
      throw stop.signal.aborted ? stop.signal.reason : error
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', cancel)
    }
  }

  async #exchange(pool: Pool, request: RegistryRequest, signal: AbortSignal): Promise<RegistryAnswer> {
    const answer = await pool.request({ ...request, body: request.body ?? null, signal })
    const text = await answer.body.text()
    const { statusCode: status } = answer
    if (status >= 500) throw new Error(`status ${status}: ${text.slice(0, 200)}`)
    const index = readIndex(answer.headers['x-consul-index'])
    this.#reached = Math.max(this.#reached, index)
    const current = answer.headers['x-consul-knownleader'] !== 'false'
    return { registry: this.address, status, index, current, text }
  }

  /** Breaks off what is open. Idempotent. */
  async close(): Promise<void> {
    this.vigil.close()
    await Promise.all([this.#pool, this.#waiting].map((pool) => (pool.destroyed ? undefined : pool.destroy())))
  }
}

function readIndex(value: string | string[] | undefined): number {
  const index = Number(value)
  return Number.isSafeInteger(index) && index > 0 ? index : 0
}
