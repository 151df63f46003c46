/**
 * What a call inherits from the call that caused it: trace, deadline, cancellation. It travels inside a process by
 * AsyncLocalStorage, so that a handler's own calls belong to the same trace and never outlive their caller's deadline,
 * without the handler passing anything on.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Priority } from './priority.ts'
import type { Span } from './span.ts'

export interface CallContext {
  /** 32 hex digits: the W3C trace-id. */
  readonly traceId: string
  /** 16 hex digits: the span under which outgoing calls are recorded. */
  readonly spanId: string
  /** W3C trace-flags, 1 = sampled. */
  readonly traceFlags: number
  /** W3C tracestate, passed on untouched. */
  readonly traceState?: string | undefined
  readonly requestId?: string | undefined
  /** Monotonic ms (see Clock) at which the answer stops being wanted. */
  readonly deadline?: number | undefined
  /** Of what is being served. Batch work asks for batch work. */
  readonly priority?: Priority | undefined
  /** Of what is being served, where it is recorded. */
  readonly span?: Span | undefined
  /** Aborted when the caller has gone or the deadline has passed. */
  readonly signal?: AbortSignal | undefined
}

const storage = new AsyncLocalStorage<CallContext>()

/** The context of the call being served, or undefined outside one. */
export function currentContext(): CallContext | undefined {
  return storage.getStore()
}

/** Runs `run`, and all that it awaits, inside `context`. */
export function runInContext<T>(context: CallContext, run: () => T): T {
  return storage.run(context, run)
}
