/** A declared error of an operation on its way from `ctx.fail` to the wire. */
export class OperationFailure extends Error {
  readonly code: string
  readonly status: number
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, status: number, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'OperationFailure'
    this.code = code
    this.status = status
    this.details = details
  }

  /** The same shape as Skein's own errors have, so that a caller reads one form. */
  toBody(): { error: Record<string, unknown> } {
    return { error: { ...this.details, code: this.code, message: this.message } }
  }
}
