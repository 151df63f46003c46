/** The failure of an operation that its service declared: the user's own error, not one of Skein's. */
import type { ErrorDetails } from '../core/errors.ts'
import type { Attempt } from './contract.ts'

export interface CallErrorInit<Code extends string = string> {
  readonly service: string
  readonly operation: string
  readonly code: Code
  readonly status: number
  readonly message: string
  readonly details: ErrorDetails
  readonly attempts: readonly Attempt[]
}

export class CallError<Code extends string = string> extends Error {
  readonly service: string
  readonly operation: string
  /** The declared name: `NotFound`. */
  readonly code: Code
  readonly status: number
  /** What the service said beside code and message. */
  readonly details: ErrorDetails
  readonly attempts: readonly Attempt[]

  constructor(init: CallErrorInit<Code>) {
    super(init.message)
    this.name = 'CallError'
    this.service = init.service
    this.operation = init.operation
    this.code = init.code
    this.status = init.status
    this.details = init.details
    this.attempts = init.attempts
  }
}
