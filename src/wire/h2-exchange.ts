/** One stream of HTTP/2: a request and its answer. */
import { constants, type ServerHttp2Stream, type ServerStreamResponseOptions } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { RawHeaders } from '../core/headers.ts'
import type { BodySource } from './body.ts'
import type { ExchangeObserver, Framing, Peer, RequestHead, ServerExchange } from './contract.ts'
import { readTrailers, writeH2Head, writeTrailers } from './h2-head.ts'
import { Incoming } from './incoming.ts'
import { NOBODY } from './nobody.ts'
import { WireError } from './wire-error.ts'

const NOTHING: RawHeaders = []
const NO_BYTES = Buffer.alloc(0)
const NO_OPTIONS: ServerStreamResponseOptions = {}
const HEAD_ONLY: ServerStreamResponseOptions = { endStream: true }
const WITH_TRAILERS: ServerStreamResponseOptions = { waitForTrailers: true }

export class H2Exchange implements ServerExchange {
  readonly head: RequestHead
  readonly peer: Peer
  readonly body: BodySource | undefined
  observer: ExchangeObserver = NOBODY
  done = false
  readonly #stream: ServerHttp2Stream
  /** Bytes of a body of known length that are still to be written; Infinity where none is known. */
  #left = Number.POSITIVE_INFINITY
  #bodiless = false
  #begun = false
  #sent: RawHeaders = NOTHING
  /** Trailers are still to be written. */
  #trailing = false
  #over = false

  constructor(stream: ServerHttp2Stream, head: RequestHead, peer: Peer) {
    this.#stream = stream
    this.head = head
    this.peer = peer
    this.body = head.framing === 0 ? undefined : this.#incoming()
    // Unread, a stream does not close. One that has ended needs no reading: it would end sooner than what is written to it, for
    // which node:http2 makes an error that nobody sees, and that takes as long as all the rest.
    if (this.body === undefined && head.upgrade === undefined && !stream.endAfterHeaders) stream.resume()
    stream.on('finish', () => this.#isWhole() && this.#handedOver())
    stream.on('close', () => this.#closed())
  }

  get answered(): boolean {
    return this.#begun
  }

  /** The connection carries other streams, and stays. */
  closeAfter(): void {}

  sendContinue(): void {
    if (this.#isOpen() && !this.#begun) this.#stream.additionalHeaders({ ':status': 100 })
  }

  send(status: number, fields: RawHeaders, body: string | Uint8Array | undefined): void {
    if (!this.#isOpen()) return
    const length = body === undefined ? undefined : Buffer.byteLength(body)
    const empty = length === undefined || length === 0
    this.#respond(status, fields, length, empty ? HEAD_ONLY : NO_OPTIONS)
    if (empty) return
    if (this.#bodiless) this.#stream.end()
    else this.#stream.end(body)
  }

  begin(status: number, fields: RawHeaders, framing: Framing, trailers = false): void {
    if (!this.#isOpen()) return
    this.#respond(status, fields, framing >= 0 ? framing : undefined, trailers ? WITH_TRAILERS : NO_OPTIONS)
    this.#stream.on('drain', () => this.observer.drained())
    if (trailers && !this.#bodiless) this.#sendTrailersLast()
    if (framing >= 0) this.#left = framing
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#isOpen() || this.#bodiless || bytes.length === 0) return true
    if (bytes.length > this.#left) throw new WireError('body_too_long', 'the body is longer than its Content-Length')
    this.#left -= bytes.length
    return this.#stream.write(bytes)
  }

  end(trailers: RawHeaders = NOTHING): void {
    if (!this.#isOpen()) return
    this.#sent = trailers
    if (this.#left > 0 && this.#left !== Number.POSITIVE_INFINITY && !this.#bodiless)
      throw new WireError('body_too_short', 'the body is shorter than its Content-Length')
    this.#stream.end()
  }

  reset(): void {
    // Not `close`, which ends what is being written as if it were whole, and only then resets.
    this.#stream.destroy(new Error('the answer broke off'))
  }

  upgrade(fields: RawHeaders): { readonly stream: Duplex; readonly head: Buffer } {
    this.#respond(200, fields, undefined, NO_OPTIONS)
    this.#over = true
    return { stream: this.#stream, head: NO_BYTES }
  }

  #incoming(): Incoming {
    const stream = this.#stream
    const body = new Incoming({
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      // The answer may still go out; what comes is read over until then.
      drop: () => void stream.resume(),
    })
    stream.on('data', (bytes: Buffer) => body.push(bytes))
    let trailers = NOTHING
    stream.on('trailers', (_headers, _flags, raw?: unknown) => {
      trailers = readTrailers((raw ?? NOTHING) as RawHeaders)
    })
    // node:http2 says `end` also of a stream that was reset.
    stream.on('end', () => {
      if (!stream.aborted && !stream.destroyed && stream.rstCode === constants.NGHTTP2_NO_ERROR) body.end(trailers)
    })
    stream.on('close', () => body.fail(new Error('the client reset the stream')))
    return body
  }

  /** @throws WireError on a bad field */
  #respond(status: number, fields: RawHeaders, length: number | undefined, options: ServerStreamResponseOptions): void {
    if (this.#begun) throw new Error('the answer has begun already')
    const never = status === 204 || status === 304 || status < 200
    const headers = writeH2Head(status, fields, status === 204 || (status === 304 && length === 0) ? undefined : length)
    this.#stream.respond(headers, options)
    this.#begun = true
    this.#bodiless = never || this.head.method === 'HEAD'
  }

  /** The answer is handed over with its trailers, which node:http2 writes some turns after the body. */
  #sendTrailersLast(): void {
    const stream = this.#stream
    this.#trailing = true
    stream.on('wantTrailers', () => {
      if (stream.closed) return
      stream.sendTrailers(writeTrailers(this.#sent))
      setImmediate(() => {
        this.#trailing = false
        this.#handedOver()
      })
    })
  }

  #isOpen(): boolean {
    return !this.#over && !this.#stream.destroyed
  }

  #handedOver(): void {
    if (this.#over || this.#trailing) return
    this.#over = true
    this.done = true
    // RFC 9113 §8.1: an answer before the end of its request asks the client to stop, without an error.
    const { readableEnded, endAfterHeaders } = this.#stream
    // Not at once: node:http2 would leave out a head that ends its stream and is still to be written.
    if (!readableEnded && !endAfterHeaders) setImmediate(() => this.#stream.close(constants.NGHTTP2_NO_ERROR))
    this.observer.done()
  }

  /** Where the last bytes waited for the client's window, `finish` comes after this, or not at all. */
  #closed(): void {
    this.#trailing = false
    if (this.#begun && this.#isWhole()) this.#handedOver()
    else this.#gone(new Error(`the stream was closed (code ${this.#stream.rstCode})`))
  }

  /** Not when the client has reset the stream: node:http2 ends it then, and says that it has finished. */
  #isWhole(): boolean {
    const { aborted, writableEnded, rstCode } = this.#stream
    return !aborted && writableEnded && rstCode === constants.NGHTTP2_NO_ERROR
  }

  #gone(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.observer.gone(error)
  }
}
