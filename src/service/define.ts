/**
 * `service()` and `op()`: a service is a plain object of operations. What is wrong in a definition is found here, all of it
 * at once, when the file is loaded; what a caller may rely on goes into the type of the value.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ErrorStatuses, OperationType, Route, Schema, ServiceType } from '../core/contract.ts'
import type { Priority } from '../core/priority.ts'
import { checkDefinition } from './check-definition.ts'
import { buildContract } from './contract.ts'
import type { LimitConfig } from './limit/limits.ts'
import type { OperationContext, OperationDefinition } from './operation.ts'
import { operationHandler } from './pipeline.ts'
import { prepareOperations } from './prepare.ts'
import { declaredPriorities } from './priorities.ts'
import type { AppHooks, Servable } from './servable.ts'

type Awaitable<T> = T | Promise<T>
/** What a handler gets: the schema's output, or undefined without a schema. */
type Received<In> = In extends Schema ? StandardSchemaV1.InferOutput<In> : undefined
/** What a caller passes: the schema's input, or nothing. */
type Passed<In> = In extends Schema ? StandardSchemaV1.InferInput<In> : undefined
/** What a handler returns: what the schema takes, or, without a schema, whatever it likes. */
type Returned<Out, Result> = Out extends Schema ? StandardSchemaV1.InferInput<Out> : Result
/** What a caller receives. */
type Answered<Out, Result> = Out extends Schema ? Wire<StandardSchemaV1.InferOutput<Out>> : Wire<NoResponse<Result>>
/** A `Response` is streamed as it is: what it holds, no type can say. */
type NoResponse<Result> = [Result] extends [Response] ? unknown : Exclude<Result, Response>

/** A value after a trip through JSON: a Date arrives as a string. */
export type Wire<T> = 0 extends T & 1
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends { toJSON(...args: never): infer Json }
      ? Wire<Json>
      : T extends object
        ? { [Key in keyof T]: Wire<T[Key]> }
        : T

export interface OperationOptions<
  In extends Schema | undefined,
  Out extends Schema | undefined,
  Errors extends ErrorStatuses,
> {
  /**
   * `GET /user/:id`. Default `POST /<operation>`. Path, query and JSON body are joined into one input; a field that stands
   * in two of them is refused. Texts of path and query become numbers, booleans, arrays or objects where the JSON Schema
   * of `in` says so; for a schema library that gives none they stay texts.
   */
  readonly route?: Route
  /** Any Standard Schema: zod, valibot, arktype … Without it the handler's input is undefined. */
  readonly in?: In
  /** Checked before it is sent; a handler whose result it refuses answers INVALID_OUTPUT. Without it, the result as it is. */
  readonly out?: Out
  /** What `ctx.fail` may be called with, and the HTTP status of each: 400–599. */
  readonly errors?: Errors
  /** May a caller repeat it after it may have been processed? Default: true for GET, HEAD, PUT and DELETE. */
  readonly idempotent?: boolean
  /** Largest body in bytes; default the service's, at last 1 MiB. */
  readonly maxBodyBytes?: number
  /** Time for the whole operation, ms; the caller's deadline wins when nearer. Default: the caller's deadline only. */
  readonly timeoutMs?: number
  /**
   * How much it matters when not all can be served: `batch` is refused first, `health` never. A caller can lower it
   * (header `x-skein-priority`, or by being batch work itself). Default `interactive`.
   */
  readonly priority?: Priority
}

export interface Operation<In = unknown, Out = unknown, Errors extends ErrorStatuses = ErrorStatuses>
  extends OperationType<In, Out, Errors> {
  readonly '~definition': OperationDefinition
}

/**
 * One operation. The handler's `ctx.fail('Code')` is typed by `errors`; a `Response` as result is sent as it is, body
 * streamed; undefined is 204.
 */
export function op<
  In extends Schema | undefined = undefined,
  Out extends Schema | undefined = undefined,
  const Errors extends ErrorStatuses = Record<never, never>,
  Result = unknown,
>(
  options: OperationOptions<In, Out, Errors>,
  handler: (
    input: Received<NoInfer<In>>,
    ctx: OperationContext<keyof NoInfer<Errors> & string>,
  ) => Awaitable<Returned<NoInfer<Out>, Result>>,
): Operation<Passed<In>, Answered<Out, Result>, Errors> {
  const definition = { ...options, handler } as OperationDefinition
  // '~in', '~out' and '~errors' are types only: no value stands behind them.
  return { '~definition': definition } as Operation<Passed<In>, Answered<Out, Result>, Errors>
}

export interface ServiceOptions extends AppHooks {
  /** Shown in the registry and in /openapi.json. */
  readonly version?: string
  /** Largest request body in bytes; default 1 MiB. */
  readonly maxBodyBytes?: number
  /** Time for an operation that sets none itself, ms. */
  readonly timeoutMs?: number
  /**
   * How many requests are worked on at a time: `adaptive` (default) finds out, a number is fixed, false is no limit. Beyond that
   * they wait for at most half a second, in an overload 5 ms, and are refused as OVERLOADED.
   */
  readonly limit?: LimitConfig
  /** Consul tags. */
  readonly tags?: readonly string[]
  /** Consul meta data beside Skein's own; keys `[A-Za-z0-9_-]`. */
  readonly meta?: Readonly<Record<string, string>>
}

export type Service<
  Name extends string = string,
  Operations extends Record<string, OperationType> = Record<string, OperationType>,
> = ServiceType<Name, Operations> & Servable

/**
 * A service: export it as default and `skein run` serves it, or call `serve()`.
 * @throws ConfigError with every mistake: names, routes, error statuses, limits.
 */
export function service<const Name extends string, Operations extends Record<string, Operation>>(
  name: Name,
  operations: Operations,
  options: ServiceOptions = {},
): Service<Name, Operations> {
  const prepared = prepareOperations(operations, options)
  checkDefinition(name, prepared, options)
  const { health, onStart, onStop, version, tags, meta, limit } = options
  return {
    name,
    '~operations': operations,
    '~app': {
      contract: buildContract(name, prepared),
      handle: operationHandler(name, prepared),
      limit,
      priorityOf: declaredPriorities(prepared),
      hooks: { health, onStart, onStop },
      about: { version, tags, meta },
    },
  }
}
