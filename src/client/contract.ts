/** The outbound path, for every call in Skein: typed calls, the fetch front, and each request that the gateway forwards. */
import type { Readable } from 'node:stream'
import type { Cancel } from '../core/cancel.ts'
import type { CallContext } from '../core/context.ts'
import type { HttpMethod } from '../core/contract.ts'
import type { RawHeaders } from '../core/headers.ts'
import type { Instance } from '../discovery/contract.ts'
import type { BodySource } from '../wire/body.ts'
import type { CallPolicy } from './call-policy.ts'
import type { GrpcCall } from './grpc.ts'
import type { CandidateState, GuardState } from './inspection.ts'

export type { CallPolicy } from './call-policy.ts'
export type { CandidateState, GuardState } from './inspection.ts'

/** A body that can be sent again (string, bytes), or one that can be sent once. */
export type Body = string | Uint8Array | Readable | BodySource

export interface OutboundRequest {
  readonly service: string
  readonly method: HttpMethod | (string & {})
  /** Path with query, starting with `/`. */
  readonly path: string
  /** Without hop-by-hop fields, Content-Length and Transfer-Encoding: `send` computes framing. Host is kept where given. */
  readonly headers: RawHeaders
  readonly body?: Body | undefined
  /** Length of a body that is no string or bytes, in bytes where known; sent as Content-Length instead of chunked. */
  readonly bodyLength?: number | undefined
  /** Name of the operation for metrics and spans; default `METHOD`. Low cardinality: never a raw path. */
  readonly operation?: string | undefined
  /** May the call be repeated once it may have been processed? Default: by method (RFC 9110 §9.2.2). */
  readonly idempotent?: boolean | undefined
  /** The text a hash policy hashes; for sticky sessions the ID of the instance. */
  readonly hashKey?: string | undefined
  readonly policy?: CallPolicy | undefined
  /** What the call has taken already before it could be made, ms: comes off its deadline. */
  readonly waitedMs?: number | undefined
  /** Cancels the call: the caller has gone. */
  readonly signal?: AbortSignal | Cancel | undefined
  /** The call that it is part of; default: the one being served, if any. */
  readonly context?: CallContext | undefined
  /** For versions side by side. */
  readonly tailoring?: Tailoring | undefined
  /** A gRPC call: HTTP/2 whatever the instance says, its status in the trailers counts, its deadline goes along. */
  readonly grpc?: GrpcCall | undefined
}

/** How instances of other versions want a request. */
export interface Tailoring {
  /** False where it is known that instances of this contract (its hash) cannot serve it: they are chosen only when no other is left. */
  suits(contract: string | undefined): boolean
  /** What is different for the chosen instance; undefined when nothing is. What it rejects with ends the call. */
  tailor(instance: Instance): Promise<Partial<OutboundRequest> | undefined> | undefined
}

/** One attempt, for logs, spans and `explain`. */
export interface Attempt {
  readonly instance: string
  readonly address: string
  /** HTTP status, or the error code where no head came; CANCELLED where a hedge, or what it stood beside, came too late. */
  readonly outcome: number | string
  readonly durationMs: number
  /** It was sent beside another one that was slow. */
  readonly hedge?: true
}

export interface OutboundResponse {
  readonly status: number
  readonly headers: RawHeaders
  /** The body, once: read or dropped, or the connection stays taken. `body` is the same as a Node stream, made when asked for. */
  readonly source: BodySource
  readonly body: Readable
  readonly instance: Instance
  readonly attempts: readonly Attempt[]
}

/**
 * @throws SkeinError NO_INSTANCES, UNREACHABLE, UPSTREAM_FAILED, DEADLINE_EXCEEDED, CANCELLED, BULKHEAD_FULL, CIRCUIT_OPEN; INVALID_INPUT for a
 * policy that makes no sense; `details` has `service` and `attempts`. An HTTP error status is an answer, not an error.
 */
export interface Caller {
  request(request: OutboundRequest): Promise<OutboundResponse>
  /**
   * Chooses an instance for what is no single request (a WebSocket tunnel) and counts it as in flight until `release`.
   * @throws SkeinError NO_INSTANCES
   */
  lease(request: Pick<OutboundRequest, 'service' | 'hashKey' | 'policy'>, tried?: readonly string[]): Promise<Lease>
  /** Who is registered; the same list while nothing changes. A promise only before the registry's first word. */
  known(service: string): readonly Instance[] | Promise<readonly Instance[]>
  /** What a request would meet now: the candidates, each with its state and why it may not be chosen. For `explain`. */
  inspect(service: string, policy?: CallPolicy): Promise<readonly CandidateState[]>
  /** What else it would meet: circuit, bulkhead and budget as they are now. */
  guards(service: string, policy?: CallPolicy): GuardState
  close(): Promise<void>
}

export interface Lease {
  readonly instance: Instance
  /** `failed` counts against the instance in outlier detection. Idempotent. */
  release(failed?: boolean): void
}
