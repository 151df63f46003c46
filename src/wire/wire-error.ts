/** Why a message was refused: a stable word for logs and programs, a sentence for people, and the status it is worth. */
export class WireError extends Error {
  readonly reason: string
  readonly status: number

  constructor(reason: string, message: string, status = 400) {
    super(message)
    this.name = 'WireError'
    this.reason = reason
    this.status = status
  }
}
