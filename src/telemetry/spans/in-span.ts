import { type CallContext, currentContext, runInContext } from '../../core/context.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Priority } from '../../core/priority.ts'
import type { Span } from '../../core/span.ts'

/**
 * Runs `run` in a span of its own, below that of what is being served: calls made in it are below it in turn. It ends when the
 * promise settles; what was thrown is told as its error and thrown on. Outside of a request, and where nothing is recorded, it only runs
 * `run`, without a span.
 *
 *     const rows = await inSpan('load order', (span) => db.load(id))
 */
export async function inSpan<T>(name: string, run: (span: Span | undefined) => T): Promise<Awaited<T>> {
  const context = currentContext()
  if (context?.span === undefined) return await run(undefined)
  const span = context.span.child(name)
  try {
    return await runInContext(new Below(context, span), () => run(span))
  } catch (error) {
    span.fail(error instanceof SkeinError ? error.code : error instanceof Error ? error.name : 'unknown', textOf(error))
    throw error
  } finally {
    span.end()
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The context around it, under another span. A signal is made when asked for, there as here. */
class Below implements CallContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly traceState: string | undefined
  readonly requestId: string | undefined
  readonly span: Span
  readonly deadline: number | undefined
  readonly priority: Priority | undefined
  readonly #around: CallContext

  constructor(around: CallContext, span: Span) {
    this.traceId = span.traceId
    this.spanId = span.spanId
    this.traceFlags = span.traceFlags
    this.traceState = span.traceState
    this.requestId = around.requestId
    this.span = span
    this.deadline = around.deadline
    this.priority = around.priority
    this.#around = around
  }

  get signal(): AbortSignal | undefined {
    return this.#around.signal
  }
}
