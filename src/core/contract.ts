/**
 * What a service promises: its operations with route, input, output and errors. The service kit builds it, the client
 * calls by it, the registry's KV holds it at `skein/contracts/<service>` and each version at `…/<hash>`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'

export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
/** `GET /user/:id`: a method, one space, a path whose segments may be `:name`. */
export type Route = `${HttpMethod} /${string}`

/** Declared errors of an operation: name → HTTP status (400–599). */
export type ErrorStatuses = Readonly<Record<string, number>>

/**
 * The type of an operation as a caller sees it. `In` is what a caller passes (before the schema's transformation), `Out`
 * what it receives. Only types: a caller imports no code of the service.
 */
export interface OperationType<In = unknown, Out = unknown, Errors extends ErrorStatuses = ErrorStatuses> {
  readonly '~in': In
  readonly '~out': Out
  readonly '~errors': Errors
}

/** The type of a service as a caller sees it: its literal name and its operations. */
export interface ServiceType<
  Name extends string = string,
  Operations extends Record<string, OperationType> = Record<string, OperationType>,
> {
  readonly name: Name
  readonly '~operations': Operations
}

/** One operation of a published contract: plain JSON. */
export interface OperationContract {
  readonly method: HttpMethod
  /** Path template, `/user/:id`. */
  readonly path: string
  /** True for GET, HEAD, PUT, DELETE, or where the service says so: repeating it does no further harm (RFC 9110 §9.2.2). */
  readonly idempotent: boolean
  /** JSON Schema (draft 2020-12) of the input and output, where the schema library can give it. */
  readonly input?: unknown
  readonly output?: unknown
  readonly errors: ErrorStatuses
}

/** A published contract: plain JSON. `hash` is the first 16 hex digits of SHA-256 over the canonical JSON of `operations`. */
export interface ServiceContract {
  readonly service: string
  readonly hash: string
  readonly operations: Readonly<Record<string, OperationContract>>
  /** Of the current contract: when the instance that made it the current one was started, ms since the epoch. */
  readonly since?: number | undefined
}

/** KV key of a service's current contract: that of the instance which was started last. */
export function contractKey(service: string): string {
  return `skein/contracts/${service}`
}

/** KV key of the contract with this hash: one for each version, as versions run side by side during a deploy. */
export function versionKey(service: string, hash: string): string {
  return `${contractKey(service)}/${hash}`
}
