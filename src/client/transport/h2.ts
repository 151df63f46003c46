/**
 * HTTP/2 to instances that speak it, in clear by prior knowledge or over TLS: one exchange is one object between a stream
 * (src/wire/h2-stream.ts) and a Receiver. Exchanges share few connections, and each is balanced by itself.
 */
import { Readable } from 'node:stream'
import { createSecureContext } from 'node:tls'
import { authority } from '../../core/authority.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import { header, type RawHeaders, withoutHeaders } from '../../core/headers.ts'
import type { BodySource } from '../../wire/body.ts'
import type { H2RequestHead } from '../../wire/h2-head.ts'
import { H2Pool } from '../../wire/h2-pool.ts'
import {
  H2_SESSION_LIMITS,
  type H2Place,
  type H2Session,
  type H2SessionLimits,
  type H2SessionOptions,
  type H2Tls,
  type H2Waiting,
} from '../../wire/h2-session.ts'
import { type H2Asking, H2Stream, type H2StreamError } from '../../wire/h2-stream.ts'
import { fromReadable, type Incoming } from '../../wire/incoming.ts'
import { Sweep, type Swept } from '../../wire/sweep.ts'
import { WireError } from '../../wire/wire-error.ts'
import type { UpstreamTls } from '../protocol.ts'
import {
  type BreakOff,
  type Message,
  type Receiver,
  type Stage,
  type Target,
  type Transport,
  TransportError,
} from '../transport.ts'

const TICK_MS = 500

export interface H2TransportOptions {
  readonly clock?: Clock | undefined
  /** Connections to one instance, default 1,024. One is enough where the instance takes many streams. */
  readonly connectionsMax?: number | undefined
  readonly limits?: Partial<H2SessionLimits> | undefined
}

export function h2Transport(options: H2TransportOptions = {}): Transport {
  return new H2Transport(options)
}

class H2Transport implements Transport {
  readonly #connectionsMax: number
  readonly #options: H2SessionOptions
  readonly #pools = new Map<string, H2Pool>()
  readonly #contexts = new WeakMap<UpstreamTls, { readonly id: number; readonly tls: H2Tls['context'] }>()
  #contextsMade = 0
  #closed = false

  constructor({ clock = systemClock, connectionsMax = 1_024, limits }: H2TransportOptions) {
    this.#connectionsMax = connectionsMax
    this.#options = { clock, sweep: new Sweep<Swept>(clock, TICK_MS), limits: { ...H2_SESSION_LIMITS, ...limits } }
  }

  send(target: Target, message: Message, receiver: Receiver): BreakOff {
    const exchange = new Exchange(target, message, receiver, this.#options.sweep)
    // Later in any case, as a connection that is there would be told of at once.
    queueMicrotask(() => {
      try {
        exchange.begin(this.#session(target, message))
      } catch (error) {
        exchange.failed(error as Error)
      }
    })
    return exchange.breakOff
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const pool of [...this.#pools.values()]) pool.destroy(new Error('the client is closed'))
    this.#options.sweep.stop()
  }

  /** @throws Error when there can be none: closed, too many, an address or certificates that are none. */
  #session({ address, port }: Target, { protocol, tls }: Message): H2Session {
    if (this.#closed) throw new Error('the client is closed')
    const place: H2Place = protocol === 'h2' ? { address, port, tls: this.#tls(address, tls) } : { address, port }
    const { id } = (tls && this.#contexts.get(tls)) ?? { id: 0 }
    const key = `${protocol} ${address} ${port} ${id}`
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new H2Pool(place, this.#connectionsMax, this.#options, () => this.#pools.delete(key))
      this.#pools.set(key, pool)
    }
    return pool.take()
  }

  #tls(address: string, given: UpstreamTls = NO_TLS): H2Tls {
    let made = this.#contexts.get(given)
    if (made === undefined) {
      const { ca, cert, key } = given
      const pem = {
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      }
      made = { id: ++this.#contextsMade, tls: createSecureContext(pem) }
      this.#contexts.set(given, made)
    }
    return { context: made.tls, serverName: given.serverName ?? address }
  }
}

const NO_TLS: UpstreamTls = {}

/** One request. */
class Exchange implements H2Waiting, H2Asking {
  readonly #target: Target
  readonly #message: Message
  readonly #receiver: Receiver
  readonly #sweep: Sweep<Swept>
  #session: H2Session | undefined
  #stream: H2Stream | undefined
  #stage: Stage = 'connect'
  #reused = false
  /** The request's body while it is being sent. */
  #source: BodySource | undefined
  #over = false

  constructor(target: Target, message: Message, receiver: Receiver, sweep: Sweep<Swept>) {
    this.#target = target
    this.#message = message
    this.#receiver = receiver
    this.#sweep = sweep
  }

  get bodyIdleMs(): number {
    return this.#message.bodyIdleMs
  }

  begin(session: H2Session): void {
    if (this.#over) return
    this.#session = session
    session.wait(this)
  }

  readonly breakOff: BreakOff = (reason) => {
    if (this.#over) return
    if (this.#stream === undefined) this.#session?.giveUp(this)
    else this.#stream.cancel()
    this.#finish(reason)
  }

  ready(session: H2Session): void {
    if (this.#over) return
    this.#session = session
    this.#reused = session.used
    try {
      this.#write(session)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.breakOff(new SkeinError('BAD_REQUEST', `the request cannot be sent: ${error.message}`, {}, error))
    }
  }

  head(status: number, headers: RawHeaders, body: Incoming): void {
    this.#stage = 'response'
    this.#receiver.head(status, headers, body)
  }

  drained(): void {
    this.#source?.resume()
  }

  whole(trailers: RawHeaders): void {
    if (this.#over) return
    // An answer before the end of the request: the rest is not wanted.
    const early = this.#source !== undefined
    this.#finish(undefined, trailers)
    if (early) this.#stream!.cancel()
  }

  dropped(reason: Error): void {
    if (!this.#over) this.#finish(reason)
  }

  failed(error: Error | H2StreamError): void {
    if (this.#over) return
    const unprocessed = 'unprocessed' in error && error.unprocessed
    const stage = unprocessed && this.#stage === 'request' ? 'unprocessed' : this.#stage
    this.#finish(new TransportError(stage, this.#reused, error))
  }

  #finish(error?: Error, trailers?: RawHeaders): void {
    this.#over = true
    const source = this.#source
    this.#source = undefined
    source?.drop(error ?? new Error('the answer came before the end of the request'))
    this.#receiver.end(error, trailers)
  }

  #write(session: H2Session): void {
    const { body, bodyLength } = this.#message
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    if (bytes === undefined || bytes instanceof Uint8Array) {
      const length = bytes?.length ?? 0
      this.#open(session, bytes === undefined ? undefined : length, length === 0 ? undefined : (bytes as Uint8Array))
      return
    }
    this.#open(session, bodyLength, 'follows')
    this.#source = bytes instanceof Readable ? fromReadable(bytes) : bytes
    this.#source.read(this.#sink(bodyLength ?? Number.POSITIVE_INFINITY))
  }

  /** Nothing of a message that cannot be written as HTTP is sent. */
  #open(session: H2Session, length: number | undefined, body: Uint8Array | 'follows' | undefined): void {
    this.#stream = new H2Stream(session, this.#head(session, length), body, this, this.#sweep)
    this.#stage = 'request'
  }

  #head({ scheme }: H2Session, length: number | undefined): H2RequestHead {
    const { method, path, headers } = this.#message
    const { address, port } = this.#target
    const host = header(headers, 'host') ?? authority(address, port)
    return { method, target: path, scheme, authority: host, fields: withoutHeaders(headers, HOST), length }
  }

  /** What is longer or shorter than was said must not go out, or the upstream would reset it as its own complaint. */
  #sink(length: number) {
    let left = length
    return {
      chunk: (bytes: Uint8Array) => {
        if (this.#source === undefined || bytes.length === 0) return
        left -= bytes.length
        if (left < 0) this.#bodyBroke(new Error('it is longer than was said'))
        else if (!this.#stream!.write(bytes)) this.#source.pause()
      },
      end: (trailers: RawHeaders) => {
        if (this.#source === undefined) return
        if (left > 0 && left !== Number.POSITIVE_INFINITY)
          return this.#bodyBroke(new Error('it is shorter than was said'))
        this.#source = undefined
        this.#stream!.end(trailers)
      },
      fail: (error: Error) => this.#bodyBroke(error),
    }
  }

  /** The request's own body failed: nobody's fault but this side's. */
  #bodyBroke(error: Error): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.breakOff(
      error instanceof SkeinError ? error : new SkeinError('CANCELLED', 'the body of the request broke off', {}, error),
    )
  }
}

const HOST: ReadonlySet<string> = new Set(['host'])
