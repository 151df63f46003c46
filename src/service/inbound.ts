import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { RawHeaders } from '../core/headers.ts'
import type { BodySource } from '../wire/body.ts'
import type { Framing } from '../wire/contract.ts'

/** A request as the server brings it, and the way back. */
export interface Inbound {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  readonly version: string
  readonly headers: RawHeaders
  /** Of the body, as the head says. */
  readonly framing: Framing
  /** True once all of the request has come. */
  readonly complete: boolean
  /** True once an answer has begun, or nobody is there to take one. */
  readonly answered: boolean
  /** The answer's, once it has begun. */
  readonly status: number
  /** True once the answer's last byte was handed to the system. */
  readonly delivered: boolean
  /** What node:http made of it; undefined on our own engine. */
  readonly node: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined
  /** Called once, when the answer is out or the caller gone. */
  onOver: () => void
  /** The body, undefined where there is none. Lets a client go on that waits to be asked for it (`Expect: 100-continue`). */
  receive(): BodySource | undefined
  /** The connection ends with this answer. */
  closeAfter(): void
  /** A whole answer. `fields` without framing and Connection. @throws Error on a field that cannot be written: nothing has begun then */
  send(status: number, fields: RawHeaders, body: string | undefined): void
  /**
   * An answer whose body is `source`; one that breaks off breaks the connection, so that nobody takes it for whole. `onBroken`
   * hears why, unless it is the caller that has gone. Content-Length may stand among the fields. @throws Error as `send`
   */
  stream(status: number, fields: RawHeaders, source: Readable, onBroken: (error: Error) => void): void
  /** Breaks off, so that nobody takes what was sent for whole. */
  reset(): void
}
