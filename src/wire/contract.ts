/**
 * HTTP/1.1 on bare sockets, for both sides of a connection. One head in, one head out: heads are flat lists of strings, bodies
 * are chunks with backpressure, and nothing else is made for a request. Strict by principle: what two parsers could read in
 * two ways is refused, never repaired (RFC 9112 §11.2).
 */
import type { Duplex } from 'node:stream'
import type { RawHeaders } from '../core/headers.ts'
import type { BodySource, Done } from './body.ts'

/** Content-Length in bytes (0 = no body), chunked, or until the connection closes. */
export type Framing = number
export const CHUNKED: Framing = -1
/** The body of a response ends with the connection (RFC 9112 §6.3, 8). */
export const UNTIL_CLOSE: Framing = -2

interface Head {
  readonly version: '1.0' | '1.1' | '2.0'
  /** As on the wire: order, case and repetition kept; blanks around values removed. */
  readonly headers: RawHeaders
  readonly framing: Framing
  /** May the connection carry another message after this one, as far as this side of it is concerned? */
  readonly keepAlive: boolean
  /** The value of Upgrade where Connection names it, in lower case. */
  readonly upgrade: string | undefined
}

export interface RequestHead extends Head {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  /** The value of Expect in lower case. */
  readonly expect: string | undefined
}

export interface ResponseHead extends Head {
  readonly status: number
}

/** The client of a connection, as far as its socket says. */
export interface Peer {
  readonly ip: string
  readonly port: number
  /** The port on which it reached us. */
  readonly localPort: number
  /** TLS. */
  readonly secure: boolean
}

/** One request and its answer, as whoever answers sees it; the same over HTTP/1.1 and HTTP/2. */
export interface ServerExchange {
  readonly head: RequestHead
  readonly peer: Peer
  /** Undefined where the request has none. Must be read or dropped before the answer ends, or the connection ends with it. */
  readonly body: BodySource | undefined
  /** True once the final head is out: then only `write`, `end` and `reset` are left. */
  readonly answered: boolean
  /** True when the answer's last byte was handed to the system. */
  readonly done: boolean
  /** Told what becomes of the answer. Set it at once, before returning from the handler. */
  observer: ExchangeObserver
  /** Ends the connection with this answer. */
  closeAfter(): void
  /** `100 Continue`, where the client waits for it. */
  sendContinue(): void
  /**
   * A whole answer. `fields` without framing, Connection and Date where it is to be ours; `done` as of `write`.
   * @throws WireError on a bad field
   */
  send(status: number, fields: RawHeaders, body: string | Uint8Array | undefined, done?: Done): void
  /** The head of an answer whose body follows by `write` and `end`, with `trailers` perhaps (HTTP/2 only). @throws WireError */
  begin(status: number, fields: RawHeaders, framing: Framing, trailers?: boolean): void
  /**
   * False: hold back until `drained`. `done` is called when the system has the bytes, or never.
   * @throws WireError when it is more than Content-Length said.
   */
  write(bytes: Uint8Array, done?: Done): boolean
  end(trailers?: RawHeaders): void
  /** Breaks the connection off so that nobody takes what was sent for whole. */
  reset(): void
  /** Agrees to an upgrade: 101 (HTTP/2: 200, RFC 8441). The bytes, and what came behind the head, are the taker's. @throws WireError */
  upgrade(fields: RawHeaders): { readonly stream: Duplex; readonly head: Buffer }
}

export interface ExchangeObserver {
  /** More may be written. */
  drained(): void
  /** The client has gone, or its request broke off, before the answer was handed over. Nothing follows. */
  gone(error: Error): void
  /** The answer was handed to the system. Nothing follows. */
  done(): void
}
