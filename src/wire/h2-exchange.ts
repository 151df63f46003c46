/** One stream of HTTP/2: a request and its answer. */
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { RawHeaders } from '../core/headers.ts'
import type { BodySource, ExchangeObserver, Framing, Peer, RequestHead, ServerExchange } from './contract.ts'
import { writeH2Head } from './h2-head.ts'
import { Incoming } from './incoming.ts'
import { NOBODY } from './nobody.ts'
import { WireError } from './wire-error.ts'

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
  #over = false

  constructor(stream: ServerHttp2Stream, head: RequestHead, peer: Peer) {
    this.#stream = stream
    this.head = head
    this.peer = peer
    this.body = head.framing === 0 ? undefined : this.#incoming()
    // Unread, a stream does not close.
    if (this.body === undefined) stream.resume()
    stream.on('drain', () => this.observer.drained())
    stream.on('finish', () => this.#handedOver())
    stream.on('aborted', () => this.#gone(new Error('the client reset the stream')))
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
    const length = body === undefined ? 0 : Buffer.byteLength(body)
    this.#respond(status, fields, length)
    if (this.#bodiless || length === 0) this.#stream.end()
    else this.#stream.end(body)
  }

  begin(status: number, fields: RawHeaders, framing: Framing): void {
    if (!this.#isOpen()) return
    this.#respond(status, fields, framing >= 0 ? framing : undefined)
    if (framing >= 0) this.#left = framing
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#isOpen() || this.#bodiless || bytes.length === 0) return true
    if (bytes.length > this.#left) throw new WireError('body_too_long', 'the body is longer than its Content-Length')
    this.#left -= bytes.length
    return this.#stream.write(bytes)
  }

  end(): void {
    if (!this.#isOpen()) return
    if (this.#left > 0 && this.#left !== Number.POSITIVE_INFINITY && !this.#bodiless)
      throw new WireError('body_too_short', 'the body is shorter than its Content-Length')
    this.#stream.end()
  }

  reset(): void {
    // Not `close`, which ends what is being written as if it were whole, and only then resets.
    this.#stream.destroy(new Error('the answer broke off'))
  }

  takeOver(): { readonly socket: Socket; readonly head: Buffer } {
    throw new Error('a stream of HTTP/2 has no socket of its own')
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
    stream.on('end', () => (stream.aborted ? undefined : body.end([])))
    stream.on('aborted', () => body.fail(new Error('the client reset the stream')))
    stream.on('close', () => body.fail(new Error('the stream was closed')))
    return body
  }

  /** @throws WireError on a bad field */
  #respond(status: number, fields: RawHeaders, length: number | undefined): void {
    if (this.#begun) throw new Error('the answer has begun already')
    const never = status === 204 || status === 304 || status < 200
    const headers = writeH2Head(status, fields, status === 204 || (status === 304 && length === 0) ? undefined : length)
    this.#stream.respond(headers)
    this.#begun = true
    this.#bodiless = never || this.head.method === 'HEAD'
  }

  #isOpen(): boolean {
    return !this.#over && !this.#stream.destroyed
  }

  #handedOver(): void {
    if (this.#over) return
    this.#over = true
    this.done = true
    // RFC 9113 §8.1: an answer before the end of its request asks the client to stop, without an error.
    const { readableEnded, endAfterHeaders } = this.#stream
    if (!readableEnded && !endAfterHeaders) this.#stream.close(constants.NGHTTP2_NO_ERROR)
    this.observer.done()
  }

  /** Where the last bytes waited for the client's window, `finish` comes after this, or not at all. */
  #closed(): void {
    const { rstCode, writableEnded } = this.#stream
    if (rstCode === constants.NGHTTP2_NO_ERROR && writableEnded && this.#begun) return void this.#handedOver()
    this.#gone(new Error(`the stream was closed (code ${rstCode})`))
  }

  #gone(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.observer.gone(error)
  }
}
