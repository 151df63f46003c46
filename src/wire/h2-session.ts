/**
 * A connection to an upstream that speaks HTTP/2: many requests at a time, each a stream (h2-stream.ts). No request is written
 * before the upstream's SETTINGS have come: until then it is provably unsent, whatever listens there. Price: one round trip
 * for each connection.
 */
import { type ClientHttp2Session, connect as connectH2, constants } from 'node:http2'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import type { Clock, Timer } from '../core/clock.ts'
import type { Sweep, Swept } from './sweep.ts'
import { WireError } from './wire-error.ts'

export interface H2Tls {
  readonly context: SecureContext
  /** The name that the certificate must be for. */
  readonly serverName: string
}

export interface H2Place {
  readonly address: string
  readonly port: number
  /** Absent = in clear, by prior knowledge. */
  readonly tls?: H2Tls | undefined
}

export interface H2SessionOptions {
  readonly clock: Clock
  readonly sweep: Sweep<Swept>
  readonly limits: H2SessionLimits
}

/** Times in ms. */
export interface H2SessionLimits {
  /** Until the upstream's SETTINGS are here. */
  readonly connectMs: number
  /** Streams at a time, where the upstream lets us have more. */
  readonly streams: number
  /** Without a stream. */
  readonly idleMs: number
  /** After so long a connection takes no new streams, so that a long life does not bind what has changed behind an address. */
  readonly ageMs: number
  /** Streams are open and nothing comes: then the upstream is asked whether it is there … */
  readonly silenceMs: number
  /** … and has so long to answer, before nothing more is asked of it over this connection. */
  readonly pongMs: number
  /** After so long without a byte beyond that what it was asked is given up: it may only have stood still for a moment. */
  readonly goneMs: number
  /** It is asked again for the same silence after so long; gRPC's servers take more than that for an attack (gRFC A8). */
  readonly pingAgainMs: number
}

export const H2_SESSION_LIMITS: H2SessionLimits = {
  connectMs: 1_000,
  streams: 1_000,
  idleMs: 60_000,
  ageMs: 3_600_000,
  silenceMs: 2_000,
  pongMs: 2_000,
  goneMs: 16_000,
  pingAgainMs: 310_000,
}

/** Who waits for the connection to carry streams. */
export interface H2Waiting {
  ready(session: H2Session): void
  failed(error: Error): void
}

/** What a pool is told. */
export interface H2SessionOwner {
  /** The upstream lets us have fewer streams than wait here: another connection must carry these. */
  displaced(waiting: H2Waiting): void
  /** It takes no new streams. Idempotent. */
  retired(session: H2Session): void
  closed(session: H2Session): void
}

const STREAM_WINDOW_BYTES = 64 * 1024
/** Slow readers of single streams must not take the window of all. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024
/** Before the upstream has said how many it takes. */
const STREAMS_ASSUMED = 100
const NEVER = Number.POSITIVE_INFINITY

export class H2Session implements Swept {
  readonly scheme: 'http' | 'https'
  dueTick = NEVER
  /** True once an answer has come over it. */
  used = false
  readonly #owner: H2SessionOwner
  readonly #options: H2SessionOptions
  readonly #socket: Socket
  readonly #connecting: Timer
  readonly #retireTick: number
  #http2: ClientHttp2Session | undefined
  #waiting: H2Waiting[] = []
  #state: 'connecting' | 'open' | 'retired' | 'closed' = 'connecting'
  #streams = 0
  #streamsMax: number
  #goneAbove = NEVER
  #error: Error | undefined
  /** What had been read when the upstream was last known to be there. */
  #bytesRead = 0
  #pinging = false
  #doubted = false
  /** When it may be asked again for the same silence. */
  #pingTick = 0

  constructor(place: H2Place, owner: H2SessionOwner, options: H2SessionOptions) {
    this.#owner = owner
    this.#options = options
    this.scheme = place.tls === undefined ? 'http' : 'https'
    this.#streamsMax = Math.min(STREAMS_ASSUMED, options.limits.streams)
    this.#retireTick = options.sweep.in(options.limits.ageMs)
    // Must be first: it throws on a port that is none, and then nothing may be left of this connection.
    this.#socket = dial(place)
    this.#socket.once(place.tls === undefined ? 'connect' : 'secureConnect', () => this.#onConnect())
    this.#socket.on('error', (error) => this.destroy(error))
    this.#socket.on('close', () => this.destroy(new Error('the connection was closed')))
    options.sweep.add(this)
    this.#connecting = options.clock.after(options.limits.connectMs, () =>
      this.destroy(new Error(`no HTTP/2 connection in ${options.limits.connectMs} ms`)),
    )
  }

  /** For those who were told that it is ready. */
  get http2(): ClientHttp2Session {
    return this.#http2!
  }

  /** True while it takes one more stream. */
  get free(): boolean {
    if (this.#options.sweep.tick >= this.#retireTick) this.retire()
    const taken = this.#streams + this.#waiting.length
    return (this.#state === 'open' || this.#state === 'connecting') && taken < this.#streamsMax
  }

  /** Tells `waiting` when it may open a stream: at once where there is a connection. */
  wait(waiting: H2Waiting): void {
    if (this.#state === 'open') waiting.ready(this)
    else this.#waiting.push(waiting)
  }

  giveUp(waiting: H2Waiting): void {
    this.#waiting = this.#waiting.filter((one) => one !== waiting)
  }

  began(): void {
    if (this.#streams++ > 0) return
    this.#listen()
  }

  ended(): void {
    if (--this.#streams > 0 || this.#state === 'closed') return
    this.dueTick = this.#options.sweep.in(this.#options.limits.idleMs)
  }

  /** The upstream has said that it has not processed this stream, nor ever will. */
  leftOut(id: number | undefined): boolean {
    return id !== undefined && id > this.#goneAbove
  }

  /** Why the connection ended, where it did. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Takes no new streams; ends with those that it has. */
  retire(): void {
    if (this.#state !== 'open') return
    this.#state = 'retired'
    this.#owner.retired(this)
    this.#http2!.close()
  }

  overdue(): void {
    if (this.#streams === 0) this.retire()
    else if (this.#pinging && !this.#heard() && !this.#doubted) this.#doubt()
    else if (this.#pinging && !this.#heard()) this.destroy(new WireError('h2_silent', 'the upstream answers no PING'))
    else if (this.#heard() || this.#options.sweep.tick < this.#pingTick) this.#listen()
    else this.#ping()
  }

  /** Anything since it was last looked at? */
  #heard(): boolean {
    return this.#socket.bytesRead !== this.#bytesRead
  }

  #doubt(): void {
    this.#doubted = true
    this.dueTick = this.#options.sweep.in(this.#options.limits.goneMs)
    this.retire()
  }

  #listen(): void {
    this.#doubted = false
    if (this.#heard()) this.#pingTick = 0
    this.#bytesRead = this.#socket.bytesRead
    this.dueTick = this.#options.sweep.in(this.#options.limits.silenceMs)
  }

  destroy(error: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#error = error
    this.#connecting.cancel()
    this.#options.sweep.delete(this)
    this.#owner.retired(this)
    this.#owner.closed(this)
    // With an error, so that no stream takes the end of the connection for its own.
    this.#http2?.destroy(error)
    this.#socket.destroy()
    for (const waiting of this.#waiting.splice(0)) waiting.failed(error)
  }

  /** Not before: node:http2 aborts the process over a socket that was destroyed while it waited for it. */
  #onConnect(): void {
    const socket = this.#socket
    if ('alpnProtocol' in socket && socket.alpnProtocol !== 'h2')
      return void this.destroy(new WireError('alpn', 'the upstream does not speak HTTP/2'))
    // The name is of no use: each request says its own, and not all addresses would make a URL.
    const session = connectH2(`${this.scheme}://upstream`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: 64 * 1024 },
      maxHeaderListPairs: 1_000,
      maxSessionMemory: 64,
      // HTTP/1.1 passes on what is given twice; the other side judges it.
      strictSingleValueFields: false,
    } as object)
    session.once('remoteSettings', () => this.#open())
    session.on('remoteSettings', ({ maxConcurrentStreams = NEVER }) => {
      this.#streamsMax = Math.min(maxConcurrentStreams, this.#options.limits.streams)
    })
    session.on('goaway', (code, lastStream) => this.#onGoaway(code, lastStream))
    session.on('error', (error) => this.destroy(error))
    session.on('close', () => this.destroy(new Error('the connection was closed')))
    this.#http2 = session
  }

  #open(): void {
    if (this.#state !== 'connecting') return
    const { sweep, limits } = this.#options
    this.#connecting.cancel()
    this.#state = 'open'
    this.#streamsMax = Math.min(this.#http2!.remoteSettings.maxConcurrentStreams ?? NEVER, limits.streams)
    this.#http2!.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    this.dueTick = sweep.in(limits.idleMs)
    for (const waiting of this.#waiting.splice(0)) {
      if (this.#streams < this.#streamsMax) waiting.ready(this)
      else this.#owner.displaced(waiting)
    }
  }

  /** node:http2 ends the session: at once where something was wrong, else with the streams that the upstream still answers. */
  #onGoaway(code: number, lastStream: number): void {
    this.#goneAbove = lastStream
    if (code !== constants.NGHTTP2_NO_ERROR)
      this.#error ??= new WireError('h2_goaway', `the upstream ended the connection (GOAWAY, code ${code})`)
    if (this.#state !== 'open') return
    this.#state = 'retired'
    this.#owner.retired(this)
  }

  /** Its answer is no sign that the upstream works at what it was asked; but it is there. */
  #ping(): void {
    const { sweep, limits } = this.#options
    this.#pinging = true
    this.#pingTick = sweep.in(limits.pingAgainMs)
    this.dueTick = sweep.in(limits.pongMs)
    this.#http2!.ping(() => {
      this.#pinging = false
      this.#bytesRead = this.#socket.bytesRead
    })
  }
}

function dial({ address, port, tls }: H2Place): Socket {
  const options = { host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }
  if (tls === undefined) return connect(options)
  return connectTls({
    ...options,
    secureContext: tls.context,
    // Addresses have no place there (RFC 6066 §3); they are checked all the same.
    ...(isIP(tls.serverName) === 0 && { servername: tls.serverName }),
    ALPNProtocols: ['h2'],
  })
}
