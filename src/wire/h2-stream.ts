/** One request to an upstream that speaks HTTP/2, and its answer. */
import { type ClientHttp2Stream, constants } from 'node:http2'
import { addAbortSignal } from 'node:stream'
import type { RawHeaders } from '../core/headers.ts'
import { type H2RequestHead, readH2Answer, readTrailers, writeH2Request, writeTrailers } from './h2-head.ts'
import type { H2Session } from './h2-session.ts'
import { Incoming } from './incoming.ts'
import { INTERIM_MAX } from './limits.ts'
import type { Sweep, Swept } from './sweep.ts'
import { WireError } from './wire-error.ts'

/** Who waits for the answer. */
export interface H2Asking {
  /** Silence in the middle of the body after which it is broken off, ms; Infinity = never. */
  readonly bodyIdleMs: number
  head(status: number, headers: RawHeaders, body: Incoming): void
  /** The request's own body may go on. */
  drained(): void
  /** The answer is whole. */
  whole(trailers: RawHeaders): void
  /** The body is not wanted any more. */
  dropped(reason: Error): void
  failed(error: H2StreamError): void
}

/** Bytes, or `follows`: it comes by `write` and `end`. */
export type RequestBody = Uint8Array | 'follows' | undefined

/** A stream broke off. */
export class H2StreamError extends WireError {
  /** Of RST_STREAM (RFC 9113 §7). */
  readonly code: number
  /** True when the upstream has said that it did not process the request. */
  readonly unprocessed: boolean

  constructor(reason: string, message: string, code: number, unprocessed: boolean, cause: Error | undefined) {
    super(reason, message)
    this.code = code
    this.unprocessed = unprocessed
    if (cause !== undefined) this.cause = cause
  }
}

const NOTHING: RawHeaders = []
const ABORTED = AbortSignal.abort()
const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM
const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, NGHTTP2_PROTOCOL_ERROR } = constants

export class H2Stream implements Swept {
  dueTick = Number.POSITIVE_INFINITY
  readonly #session: H2Session
  readonly #sweep: Sweep<Swept>
  readonly #asking: H2Asking
  readonly #stream: ClientHttp2Stream
  #body: Incoming | undefined
  #received: RawHeaders = NOTHING
  #sent: RawHeaders = NOTHING
  #interim = 0
  #ended = false
  #over = false

  /** @throws WireError on what cannot stand in a head */
  constructor(session: H2Session, head: H2RequestHead, body: RequestBody, asking: H2Asking, sweep: Sweep<Swept>) {
    this.#session = session
    this.#sweep = sweep
    this.#asking = asking
    const stream = session.http2.request(writeH2Request(head), {
      endStream: body === undefined,
      waitForTrailers: body === 'follows',
    })
    this.#stream = stream
    session.began()
    // Must be there: without it an error would end the process. `close` follows and is acted on.
    stream.on('error', () => {})
    stream.on('response', (_headers, flags, raw?: unknown) => this.#onHead(raw as RawHeaders, flags))
    stream.on('headers', () => this.#onInterim())
    stream.on('trailers', (_headers, _flags, raw?: unknown) => {
      this.#received = readTrailers((raw ?? NOTHING) as RawHeaders)
    })
    this.#noteEnd()
    stream.on('end', () => this.#onEnd())
    stream.on('close', () => this.#onClose())
    if (body === undefined) return
    if (body !== 'follows') {
      stream.end(body)
      return
    }
    stream.on('drain', () => asking.drained())
    stream.on('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers(writeTrailers(this.#sent))
    })
  }

  /**
   * Notes END_STREAM. node:http2 says `end` also where a stream was reset with NO_ERROR in the middle of its body, and tells the
   * two apart by nothing else than whether the stream is closed when it is told that no more will come.
   */
  #noteEnd(): void {
    const stream = this.#stream
    const { push } = stream
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && !stream.closed) this.#ended = true
      return push.call(stream, chunk, encoding)
    }
  }

  /** False: hold back until `drained`. */
  write(bytes: Uint8Array): boolean {
    return this.#stream.destroyed || this.#stream.writableEnded || this.#stream.write(bytes)
  }

  end(trailers: RawHeaders): void {
    this.#sent = trailers
    if (!this.#stream.destroyed) this.#stream.end()
  }

  /** Tells the upstream that nobody waits, by CANCEL. Not by `close`: it would end the request's body as if it were whole. */
  cancel(): void {
    this.#over = true
    this.#sweep.delete(this)
    addAbortSignal(ABORTED, this.#stream)
  }

  overdue(): void {
    this.#fail(
      new H2StreamError('body_silent', 'the body of the answer stopped coming', NGHTTP2_CANCEL, false, undefined),
    )
    this.cancel()
  }

  #onInterim(): void {
    if (++this.#interim > INTERIM_MAX) this.#refuse(new WireError('interim', 'there are too many interim answers'))
  }

  #onHead(raw: RawHeaders, flags: number): void {
    if (this.#over) return
    try {
      const { status, headers } = readH2Answer(raw)
      this.#session.used = true
      this.#begin(status, headers, (flags & END_STREAM) !== 0)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refuse(error)
    }
  }

  #refuse(error: WireError): void {
    this.#fail(new H2StreamError(error.reason, error.message, NGHTTP2_PROTOCOL_ERROR, false, undefined))
    this.#stream.destroy(error)
  }

  #begin(status: number, headers: RawHeaders, ended: boolean): void {
    const stream = this.#stream
    const body = new Incoming({
      pause: () => {
        this.dueTick = Number.POSITIVE_INFINITY
        stream.pause()
      },
      resume: () => {
        this.#touch()
        stream.resume()
      },
      drop: (reason) => {
        if (this.#over) return
        this.cancel()
        this.#asking.dropped(reason)
      },
    })
    this.#body = body
    if (ended) {
      this.#beginWhole(status, headers, body)
      return
    }
    stream.on('data', (bytes: Buffer) => {
      this.#touch()
      body.push(bytes)
    })
    this.#asking.head(status, headers, body)
    if (this.#over || this.#asking.bodyIdleMs === Number.POSITIVE_INFINITY) return
    this.#sweep.add(this)
    this.#touch()
  }

  /** An answer without a body is whole before anybody looks at it. */
  #beginWhole(status: number, headers: RawHeaders, body: Incoming): void {
    this.#stream.resume()
    body.end(NOTHING)
    this.#over = true
    this.#asking.head(status, headers, body)
    this.#asking.whole(NOTHING)
  }

  #touch(): void {
    if (this.#asking.bodyIdleMs !== Number.POSITIVE_INFINITY) this.dueTick = this.#sweep.in(this.#asking.bodyIdleMs)
  }

  #onEnd(): void {
    const { rstCode, destroyed } = this.#stream
    if (this.#over || !this.#ended || destroyed || rstCode !== NGHTTP2_NO_ERROR || this.#body === undefined) return
    this.#over = true
    this.#sweep.delete(this)
    this.#body.end(this.#received)
    this.#asking.whole(this.#received)
  }

  #onClose(): void {
    this.#session.ended()
    if (this.#over) return
    const { rstCode, id } = this.#stream
    const unprocessed = id === undefined || rstCode === NGHTTP2_REFUSED_STREAM || this.#session.leftOut(id)
    const { error } = this.#session
    const [reason, message] = error === undefined ? whyReset(rstCode) : ['h2_connection', error.message]
    this.#fail(new H2StreamError(reason, message, rstCode, unprocessed, error))
  }

  #fail(error: H2StreamError): void {
    if (this.#over) return
    this.#over = true
    this.#sweep.delete(this)
    this.#asking.failed(error)
    this.#body?.fail(error)
  }
}

/** By the number of the code (RFC 9113 §7). */
const RESETS = [
  ...['no_error', 'protocol_error', 'internal_error', 'flow_control_error', 'settings_timeout', 'stream_closed'],
  ...['frame_size_error', 'refused_stream', 'cancel', 'compression_error', 'connect_error', 'enhance_your_calm'],
  ...['inadequate_security', 'http_1_1_required'],
]

function whyReset(code: number): [reason: string, message: string] {
  return [`h2_${RESETS[code] ?? 'unknown'}`, `the upstream reset the stream (${RESETS[code] ?? code})`]
}
