/** Requests to a registry that may have several addresses: which is asked, for how long, and when the next one is. */
import { type Clock, sleep } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import { readAddresses } from './addresses.ts'
import { type BlockingOptions, patience, withWait } from './blocking.ts'
import { Failover } from './failover.ts'
import { type AskOptions, type RegistryAnswer, RegistryPeer, type RegistryRequest } from './registry-peer.ts'
import { isRepeatable, wasNotSent } from './repeatable.ts'

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Whole request at all addresses, ms. Default 10,000; for a blocking query wait × 17/16 + 5,000 (the server adds up to wait/16). */
  readonly timeoutMs?: number | undefined
}

export interface RegistryRequestsOptions {
  /** Separated by commas. */
  readonly addresses: string
  readonly token: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const TIMEOUT_MS = 10_000
/** Longest time for one of several addresses, while there is another to ask: then it counts as hanging, ms. */
const ONE_OF_SEVERAL_MS = 2_000
/** Nothing is held open longer, ms: a timer cannot wait for ever. */
const HOLD_MS = 24 * 3_600_000
/** A blocking query moves on within so long, at random: the watchers of a registry that dies do not fall on the next one at once. */
const SPREAD_MS = 1_000

/**
 * A request goes to the address that worked last; where that refuses, breaks off, hangs, answers 500 or above or has lost its
 * store, to the next at once: reads and repeatable writes always, other writes where nothing was sent.
 */
export class RegistryRequests {
  /** All addresses, separated by commas: for messages. */
  readonly address: string
  readonly #token: string | undefined
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Logger
  readonly #peers: Failover<RegistryPeer>
  #closed = false

  /** @throws ConfigError for an address that is none. */
  constructor({ addresses, token, clock, random, log }: RegistryRequestsOptions) {
    const list = readAddresses(addresses)
    this.address = list.join(',')
    this.#token = token
    this.#clock = clock
    this.#random = random
    this.#log = log
    const peers = list.map((address) => new RegistryPeer(address, { clock, random }))
    this.#peers = new Failover(peers, random)
  }

  /** A blocking query at the address in use; asked anew at another one, without its index, where that fails. */
  async wait(path: string, options: RequestOptions & BlockingOptions): Promise<RegistryAnswer> {
    const { signal, index = 0 } = options
    const peer = this.#peers.first
    const several = this.#peers.turn.length > 1
    if (several && !peer.hasReached(index)) return this.send('GET', path, { signal })
    try {
      return await this.#waitAt(peer, path, options)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (!several || this.#closed) return this.#lastResort('GET', path, new Map([[peer, error]]))
      await sleep(SPREAD_MS * this.#random(), this.#clock, signal)
      return this.send('GET', path, { signal }, undefined, new Map([[peer, error]]))
    }
  }

  async #waitAt(peer: RegistryPeer, path: string, options: RequestOptions & BlockingOptions): Promise<RegistryAnswer> {
    const stop = new AbortController()
    const giveUp = (reason: unknown) => stop.abort(reason)
    const cancel = () => giveUp(options.signal?.reason)
    options.signal?.addEventListener('abort', cancel, { once: true })
    const leave = this.#peers.turn.length > 1 ? peer.vigil.enter(giveUp) : () => {}
    try {
      const limitMs = options.timeoutMs ?? patience(options)
      const request = this.#request('GET', withWait(path, options))
      return await askCurrent(peer, request, { limitMs, signal: stop.signal, waits: true })
    } finally {
      leave()
      options.signal?.removeEventListener('abort', cancel)
    }
  }

  /** One request that stays open at the address in use; nobody else is asked when it ends. */
  async hold(path: string, signal: AbortSignal): Promise<RegistryAnswer> {
    const peer = this.#peers.first
    try {
      return await peer.ask(this.#request('GET', path), { limitMs: HOLD_MS, signal, waits: true })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw this.#unavailable('GET', path, new Map([[peer, error]]))
    }
  }

  /** One round: each address once, those in `failed` last. */
  async send(
    method: RegistryRequest['method'],
    path: string,
    { signal, timeoutMs = TIMEOUT_MS }: RequestOptions,
    body?: string | Uint8Array,
    failed = new Map<RegistryPeer, unknown>(),
  ): Promise<RegistryAnswer> {
    const request = this.#request(method, path, body)
    const end = this.#clock.monotonic() + timeoutMs
    const turn = this.#peers.turn.toSorted((a, b) => Number(failed.has(a)) - Number(failed.has(b)))
    for (const [i, peer] of turn.entries()) {
      const limitMs = shareOf(end - this.#clock.monotonic(), isRepeatable(method, path) ? turn.length - i : 1)
      try {
        const answer = await askCurrent(peer, request, { limitMs, signal })
        this.#move(peer, failed)
        return answer
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        failed.set(peer, error)
        if (this.#closed || !(isRepeatable(method, path) || wasNotSent(error))) break
      }
    }
    return this.#lastResort(method, path, failed)
  }

  /** All have failed: an answer that may be out of date is better than none. */
  #lastResort(method: string, path: string, failed: ReadonlyMap<RegistryPeer, unknown>): RegistryAnswer {
    const old = [...failed.values()].find((error) => error instanceof OutOfDate)
    if (old !== undefined) return old.answer
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
    return registryFailed(this.address, method, path, why, cause)
  }

  /** The next request begins at another address than this one. */
  leave(address: string, why: string): void {
    const [first, second] = this.#peers.turn
    if (first!.address === address && second !== undefined) this.#move(second, new Map([[first!, why]]))
  }

  /** Breaks off what is open. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#peers.turn.map((peer) => peer.close()))
  }
}

export function registryFailed(
  address: string,
  method: string,
  path: string,
  why: string,
  cause?: unknown,
): SkeinError {
  const message = `registry at ${address}: ${method} ${path.split('?')[0]}: ${why}`
  return new SkeinError('REGISTRY_UNAVAILABLE', message, { registry: address }, cause)
}

/** A registry has answered without its store: another one may know better. */
class OutOfDate extends Error {
  readonly answer: RegistryAnswer

  constructor(answer: RegistryAnswer) {
    super('no leader')
    this.answer = answer
  }
}

async function askCurrent(peer: RegistryPeer, request: RegistryRequest, options: AskOptions): Promise<RegistryAnswer> {
  const answer = await peer.ask(request, options)
  if (!answer.current) throw new OutOfDate(answer)
  return answer
}

/** What one of so many addresses gets of the time that is left, ms. */
function shareOf(leftMs: number, addresses: number): number {
  return addresses === 1 ? leftMs : Math.min(leftMs / addresses, ONE_OF_SEVERAL_MS)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
