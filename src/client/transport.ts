/**
 * What carries one request to one instance and its answer back. It decides nothing: which instance, how long, whether
 * again is said above. The built-in ones stand on src/wire/ (transport/wire.ts, transport/h2.ts); another engine is another file.
 */
import type { RawHeaders } from '../core/headers.ts'
import type { BodySource } from '../wire/body.ts'
import type { Body } from './contract.ts'
import type { Protocol, UpstreamTls } from './protocol.ts'

export interface Target {
  readonly address: string
  readonly port: number
  /** The instance's metadata: it may take several requests on a connection (pipelining.ts). */
  readonly meta?: Readonly<Record<string, string>> | undefined
}

export interface Message {
  readonly method: string
  readonly path: string
  /** Complete but for framing: the transport adds Content-Length or Transfer-Encoding, Connection, and Host where absent. */
  readonly headers: RawHeaders
  readonly body?: Body | undefined
  readonly bodyLength?: number | undefined
  /** It may not be sent twice, safe as its method is (RFC 9110 §9.2.1): so it shares no connection. Default false. */
  readonly once?: boolean | undefined
  /** Silence in the middle of the answer's body after which it is broken off, ms; Infinity = never. */
  readonly bodyIdleMs: number
  /** Default HTTP/1.1. */
  readonly protocol?: Protocol | undefined
  /** For `h2`. The same object means the same connections. */
  readonly tls?: UpstreamTls | undefined
}

/**
 * How far an exchange had come when it failed: `connect` = no byte of the request was written, so it was provably not
 * processed; `unprocessed` = the instance has said that it did not process it (HTTP/2's GOAWAY and REFUSED_STREAM); `request` =
 * some of it was written, and no byte of an answer came; `response` = an answer had begun.
 */
export type Stage = 'connect' | 'unprocessed' | 'request' | 'response'

/** The instance or the way to it failed. Whatever else ends an exchange is the doing of this side. */
export class TransportError extends Error {
  readonly stage: Stage
  /** True when the connection had carried an answer before: it may have been closed while the request was on its way. */
  readonly reused: boolean

  constructor(stage: Stage, reused: boolean, cause: Error) {
    super(cause.message || cause.name, { cause })
    this.name = 'TransportError'
    this.stage = stage
    this.reused = reused
  }
}

/** True when the request may be sent again whatever it is. */
export function isUnprocessed({ stage }: TransportError): boolean {
  return stage === 'connect' || stage === 'unprocessed'
}

export interface Receiver {
  /** At most once: the head of the final answer. `body` is not decompressed. */
  head(status: number, headers: RawHeaders, body: BodySource): void
  /**
   * Exactly once, last: the answer is complete on the wire (no error), the instance failed (TransportError), or this
   * side broke off (the reason given). An error after `head` breaks the body off too, after this call. `trailers` of a
   * complete answer that had some.
   */
  end(error?: Error, trailers?: RawHeaders): void
}

/** Breaks an exchange off: the receiver's `end` is called at once with `reason`. Does nothing after the end. */
export type BreakOff = (reason: Error) => void

export interface Transport {
  /** Calls the receiver later, never before it returns. A Readable body is not touched unless a connection is there. */
  send(target: Target, message: Message, receiver: Receiver): BreakOff
  /** Breaks off everything; idempotent. */
  close(): Promise<void>
}
