/** The `ctx` of a handler. */
import { header } from '../core/headers.ts'
import type { Logger } from '../core/log.ts'
import type { Span } from '../core/span.ts'
import type { Exchange } from './exchange.ts'
import { OperationFailure } from './failure.ts'
import type { Fail, FailureDetails, OperationContext, Prepared } from './operation.ts'

export class RequestContext implements OperationContext {
  readonly #exchange: Exchange
  readonly #operation: Prepared
  #log: Logger | undefined

  constructor(exchange: Exchange, operation: Prepared) {
    this.#exchange = exchange
    this.#operation = operation
  }

  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  get deadline(): number | undefined {
    return this.#exchange.millisecondsLeft()
  }

  get requestId(): string {
    return this.#exchange.requestId
  }

  get traceId(): string {
    return this.#exchange.trace.traceId
  }

  get span(): Span | undefined {
    return this.#exchange.span
  }

  /** A child logger costs more than most handlers: made when it is asked for. */
  get log(): Logger {
    const { requestId, traceId } = this
    this.#log ??= this.#exchange.host.log.child({ requestId, traceId, operation: this.#operation.name })
    return this.#log
  }

  get headers(): { get(name: string): string | undefined } {
    const raw = this.#exchange.inbound.headers
    return { get: (name) => header(raw, name.toLowerCase()) }
  }

  /** An arrow, so that `const { fail } = ctx` works. */
  readonly fail: Fail<string> = (code: string, ...rest: readonly (string | FailureDetails | undefined)[]) => {
    const status = this.#operation.errors[code]
    if (status === undefined) {
      throw new TypeError(`operation ${this.#operation.name} declares no error ${code}: add it to its "errors"`)
    }
    const message = rest.find((value) => typeof value === 'string') ?? code
    throw new OperationFailure(
      code,
      status,
      message,
      rest.find((value) => typeof value === 'object'),
    )
  }
}
