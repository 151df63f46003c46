/**
 * Bounds the calls to a service that are under way at a time, so that a slow one does not take all of the caller's memory and
 * connections. More wait for a moment, and are then refused: what waits longer is better told at once. Counted until the head of
 * the answer. The name and the idea are of Nygard, "Release It!" (2007).
 */
import type { Call, Handler, Layer, Parts } from '../call.ts'
import type { Compartment } from '../compartment.ts'
import { bulkheadFull } from '../failure.ts'
import type { BulkheadPolicy } from '../guard-policy.ts'

const QUEUE = 10
const WAIT_MS = 100

export const bulkhead: Layer = (parts, next) => (call) => {
  const policy = call.policy.bulkhead!
  const { compartment } = call.upstream
  const { operation = call.request.method } = call.request
  const proceed: Handler = (entered) => next(entered).finally(() => compartment.leave(operation))
  if (compartment.enter(operation, policy)) return proceed(call)
  if (compartment.waiting >= (policy.queue ?? QUEUE)) return Promise.reject(bulkheadFull(call, policy, compartment))
  parts.metrics.waits.with(call.request.service).value++
  call.span?.decide('bulkhead-wait')
  return turn(call, operation, policy, compartment, parts).then(() => proceed(call))
}

/** Resolves once the call is counted; ends with the call. */
function turn(
  call: Call,
  operation: string,
  policy: BulkheadPolicy,
  compartment: Compartment,
  { clock }: Parts,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      timer.cancel()
      forget()
      compartment.forget(waiting)
      end()
    }
    const waiting = { operation, policy, go: () => settle(resolve) }
    const timer = clock.after(policy.waitMs ?? WAIT_MS, () =>
      settle(() => reject(bulkheadFull(call, policy, compartment))),
    )
    const forget = call.cancel.on((reason) => settle(() => reject(reason)))
    compartment.wait(waiting)
  })
}
