/**
 * Ends a call when nobody waits for it any longer: its own deadline or its caller's has passed, or the caller has gone. The
 * deadline covers the time until the head; a caller that goes later still ends the body.
 */
import { Cancel, type CancelListener } from '../../core/cancel.ts'
import type { Timed } from '../../core/timeouts.ts'
import type { Call, Layer } from '../call.ts'
import { cancelled, deadlineExceeded } from '../failure.ts'

export const deadline: Layer =
  ({ clock, timeouts }, next) =>
  (call) => {
    if (call.deadline <= clock.monotonic()) {
      return Promise.reject(deadlineExceeded(call, 'nothing sent, no time was left'))
    }
    const end = new End(call)
    end.listen()
    if (call.cancel.reason !== undefined) {
      end.forget()
      return Promise.reject(call.cancel.reason)
    }
    timeouts.add(end)
    return next(call).then(
      (response) => {
        timeouts.delete(end)
        if (call.attempt.over) end.forget()
        else call.attempt.onOver = () => end.forget()
        return response
      },
      (error) => {
        timeouts.delete(end)
        end.forget()
        throw error
      },
    )
  }

/** Cancels the call at its deadline, and when its own signal or that of the call being served is aborted. */
class End implements Timed, CancelListener {
  place = -1
  readonly dueAt: number
  readonly #call: Call

  constructor(call: Call) {
    this.dueAt = call.deadline
    this.#call = call
  }

  expired(): void {
    this.#call.cancel.cancel(deadlineExceeded(this.#call))
  }

  cancelled(reason: unknown): void {
    this.#call.cancel.cancel(cancelled(this.#call.request.service, reason))
  }

  handleEvent({ target }: Event): void {
    this.cancelled((target as AbortSignal).reason)
  }

  listen(): void {
    const { request, context } = this.#call
    if (request.signal !== undefined) this.#listenTo(request.signal)
    if (context?.signal !== undefined) this.#listenTo(context.signal)
  }

  #listenTo(signal: AbortSignal | Cancel): void {
    if (signal instanceof Cancel) signal.add(this)
    else if (signal.aborted) this.cancelled(signal.reason)
    else signal.addEventListener('abort', this, { once: true })
  }

  forget(): void {
    const { request, context } = this.#call
    if (request.signal instanceof Cancel) request.signal.remove(this)
    else request.signal?.removeEventListener('abort', this)
    context?.signal?.removeEventListener('abort', this)
  }
}
