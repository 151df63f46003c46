/**
 * HTTP/2 in by node:http2, where that is asked for in place of our own (h2/): nghttp2 below, the same exchanges as HTTP/1.1 above. The
 * bounds are those of Envoy's guide for the edge; floods of resets, settings, pings and continuations end the connection (node:http2
 * counts them).
 */
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { RawHeaders } from '../core/headers.ts'
import type { Peer, ServerExchange } from './contract.ts'
import { H2Exchange } from './h2-exchange.ts'
import { NO_HEAD, readH2Head } from './h2-head.ts'
import type { ConnectionLimits } from './limits.ts'
import { peerOf } from './peer.ts'
import type { Reading } from './reading.ts'
import type { Occupant } from './sockets.ts'
import { WireError } from './wire-error.ts'

const H2_STREAMS_MAX = 100
const STREAM_WINDOW_BYTES = 64 * 1024
const CONNECTION_WINDOW_BYTES = 1024 * 1024
/**
 * Streams that a client may reset at once, and a second after that (CVE-2023-44487). Not fewer: clients of gRPC reset each call
 * whose deadline has passed, and a proxy before us has the calls of many on one connection.
 */
const RESETS_AT_ONCE = 1_000
const RESETS_PER_SECOND = 100

export interface H2Host {
  readonly limits: ConnectionLimits
  onRequest(exchange: ServerExchange): void
  /** A request that is none: `exchange` is there to answer it. */
  onRefusedStream(exchange: ServerExchange, error: WireError): void
}

export class NodeH2Server {
  readonly #host: H2Host
  readonly #server: Http2Server
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(host: H2Host) {
    this.#host = host
    const { headBytes, headerFields } = host.limits
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: H2_STREAMS_MAX,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: headBytes,
        enablePush: false,
        // WebSockets (RFC 8441).
        enableConnectProtocol: true,
      },
      // The pseudo-fields count too.
      maxHeaderListPairs: Math.min(headerFields, 10_000) + 5,
      maxSessionMemory: 16,
      // HTTP/1.1 passes on what an upstream gives twice; here it would be an answer that cannot be written.
      strictSingleValueFields: false,
      ...{ streamResetBurst: RESETS_AT_ONCE, streamResetRate: RESETS_PER_SECOND },
    })
    // A session that fails has told its own listener.
    this.#server.on('sessionError', () => {})
  }

  /** Takes a connection on which the client speaks HTTP/2; `bytes` is what was read of it. */
  accept(socket: Socket, reading: Reading, bytes?: Buffer): Occupant {
    if (bytes !== undefined) {
      socket.pause()
      socket.unshift(reading.keep(bytes))
    }
    // Both sides end together here; a client that keeps its half open would keep the socket.
    socket.allowHalfOpen = false
    const streams = new OpenStreams()
    this.#server.once('session', (session) => this.#open(session, streams))
    this.#server.emit('connection', socket)
    return streams
  }

  /** Connections end once their streams have. */
  drain(): void {
    for (const session of this.#sessions) session.close()
  }

  /** What streams have ended with, trailers above all, node:http2 writes two turns later. */
  async written(): Promise<void> {
    for (let turns = 2; turns > 0; turns--) await turn()
  }

  #open(session: ServerHttp2Session, streams: OpenStreams): void {
    this.#sessions.add(session)
    const { keepAliveMs } = this.#host.limits
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    // Silence ends a connection (a PING counts as such); with a stream open its own time-outs hold.
    session.setTimeout(keepAliveMs, () => session.close())
    session.on('error', () => session.destroy())
    session.on('close', () => this.#sessions.delete(session))
    const peer = peerOf(session.socket)
    session.on('stream', (stream, _headers, _flags, raw) => {
      streams.count(stream)
      this.#onStream(stream, raw as unknown as RawHeaders, peer)
    })
  }

  #onStream(stream: ServerHttp2Stream, raw: RawHeaders, peer: Peer): void {
    // Must be first: an error of a stream without a listener would end the process. `close` follows and is acted on.
    stream.on('error', ignore)
    // nghttp2 has reset it already, its body being another than its head said: nobody waits for an answer.
    if (stream.session === undefined) return
    this.#boundStall(stream)
    try {
      this.#checkSize(raw)
      this.#host.onRequest(new H2Exchange(stream, readH2Head(raw, stream.endAfterHeaders), peer))
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#host.onRefusedStream(new H2Exchange(stream, NO_HEAD, peer), error)
      this.#waitForNone(stream)
    }
  }

  /** node:http2 calls it a time-out where nothing has moved either way; only what waits for the client counts. */
  #boundStall(stream: ServerHttp2Stream): void {
    const { stallMs } = this.#host.limits
    if (stallMs === Number.POSITIVE_INFINITY) return
    stream.setTimeout(stallMs)
    stream.on('timeout', () => {
      if (stream.writableLength > 0) stream.destroy(new Error('the client takes nothing of the answer'))
    })
  }

  /** Of a refused stream nothing is read, and who does not take the refusal is not waited for. */
  #waitForNone(stream: ServerHttp2Stream): void {
    stream.setTimeout(this.#host.limits.lingerMs, () => stream.close(constants.NGHTTP2_CANCEL))
    if (stream.endAfterHeaders) return
    stream.pause()
    // Held back for good, it would not close.
    stream.once('finish', () => stream.resume())
  }

  /** SETTINGS_MAX_HEADER_LIST_SIZE only asks the client; counted as it says (RFC 9113 §6.5.2: 32 bytes a field beside its text). */
  #checkSize(raw: RawHeaders): void {
    const { headBytes } = this.#host.limits
    let size = raw.length * 16
    for (let i = 0; i < raw.length; i++) size += raw[i]!.length
    if (size > headBytes) throw new WireError('head_too_large', `the head is larger than ${headBytes} bytes`, 431)
  }
}

const ignore = () => {}

class OpenStreams implements Occupant {
  #open = 0
  readonly #ended = () => void this.#open--

  get busy(): boolean {
    return this.#open > 0
  }

  count(stream: ServerHttp2Stream): void {
    this.#open++
    stream.on('close', this.#ended)
  }
}
