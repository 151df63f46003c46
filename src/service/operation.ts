/** An operation: as its author wrote it, what its handler is given, and as the server uses it. */
import type { ErrorStatuses, HttpMethod, Schema } from '../core/contract.ts'
import type { Logger } from '../core/log.ts'
import type { Priority } from '../core/priority.ts'
import type { Span } from '../core/span.ts'
import type { Convert } from './convert.ts'
import type { JsonSchema } from './json-schema.ts'

export type FailureDetails = Readonly<Record<string, unknown>>

/** What a handler is given beside its input. */
export interface OperationContext<Code extends string = string> {
  /** Aborted when the caller has gone or the deadline has passed. Calls made with `client` obey it by themselves. */
  readonly signal: AbortSignal
  /** Milliseconds left to answer, or undefined without a deadline. */
  readonly deadline: number | undefined
  /** Writes lines that carry this request's id, trace and operation. */
  readonly log: Logger
  readonly requestId: string
  readonly traceId: string
  /** The span of this request, to add attributes, events and child spans to. Undefined where nothing is recorded: `ctx.span?.set(…)`. */
  readonly span: Span | undefined
  /** The request's headers: names in any case; of a repeated one the first value. */
  readonly headers: { get(name: string): string | undefined }
  /** Ends the operation with one of its declared errors. Message and details are shown to the caller. */
  readonly fail: Fail<Code>
}

export interface Fail<Code extends string> {
  (code: Code, message?: string, details?: FailureDetails): never
  (code: Code, details: FailureDetails, message?: string): never
}

/** What `op()` was given, types erased. */
export interface OperationDefinition {
  readonly route?: string
  readonly in?: Schema
  readonly out?: Schema
  readonly errors?: ErrorStatuses
  readonly idempotent?: boolean
  readonly maxBodyBytes?: number
  readonly timeoutMs?: number
  readonly priority?: Priority
  readonly handler: (input: unknown, ctx: OperationContext) => unknown
}

/** Defaults filled in, route parsed, schemas read. */
export interface Prepared {
  readonly name: string
  /** As written, or the default. */
  readonly route: string
  readonly method: HttpMethod
  readonly path: string
  /** Names of the path's `:parameters`. */
  readonly params: readonly string[]
  readonly in: Schema | undefined
  readonly out: Schema | undefined
  readonly input: JsonSchema | undefined
  readonly output: JsonSchema | undefined
  readonly convert: Convert
  /** Fields that must be there and are arrays: a query says that they are empty by not naming them. */
  readonly arrays: readonly string[]
  readonly errors: ErrorStatuses
  readonly idempotent: boolean
  readonly maxBodyBytes: number
  readonly timeoutMs: number | undefined
  readonly priority: Priority | undefined
  readonly handler: OperationDefinition['handler']
}
