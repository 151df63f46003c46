/**
 * Ends a call when nobody waits for it any longer: its own deadline or its caller's has passed, or the caller has gone. The
 * deadline covers the time until the head; a caller that goes later still ends the body.
 */
import { Cancel } from '../../core/cancel.ts'
import type { Call, Layer } from '../call.ts'
import { cancelled, deadlineExceeded } from '../failure.ts'

export const deadline: Layer =
  ({ clock }, next) =>
  async (call) => {
    const left = call.deadline - clock.monotonic()
    if (left <= 0) throw deadlineExceeded(call, 'nothing sent, no time was left')
    const forget = onGone(call)
    if (call.cancel.reason !== undefined) {
      forget()
      throw call.cancel.reason
    }
    const timer = clock.after(left, () => call.cancel.cancel(deadlineExceeded(call)), true)
    try {
      const response = await next(call)
      if (call.attempt.over) forget()
      else call.attempt.onOver = forget
      return response
    } catch (error) {
      forget()
      throw error
    } finally {
      timer.cancel()
    }
  }

const NOTHING = () => {}

/** Cancels the call when its own signal or that of the call being served is aborted. */
function onGone(call: Call): () => void {
  const own = call.request.signal
  const inherited = call.context?.signal
  if (own === undefined) return inherited === undefined ? NOTHING : cancelWith(call, inherited)
  const forget = cancelWith(call, own)
  if (inherited === undefined) return forget
  const forgetInherited = cancelWith(call, inherited)
  return () => {
    forget()
    forgetInherited()
  }
}

function cancelWith({ cancel, request }: Call, signal: AbortSignal | Cancel): () => void {
  const abort = () => cancel.cancel(cancelled(request.service, signal.reason))
  if (signal instanceof Cancel) return signal.on(abort)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}
