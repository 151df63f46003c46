/** Waiting before a call can be made, for what it takes to make it: it lasts no longer than the call may. */
import type { Clock } from '../core/clock.ts'
import { currentContext } from '../core/context.ts'
import type { SkeinError } from '../core/errors.ts'
import { cancelled } from './failure.ts'

export interface Bounds {
  readonly service: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
  /** What the call ends with where its time is over. */
  readonly late: (service: string) => SkeinError
}

/**
 * `answer`, and how long it took, ms. A caller's own deadline, and its going, end the wait as well.
 * @throws SkeinError CANCELLED, what `late` makes, and what `answer` rejects with.
 */
export async function inTime<T>(
  answer: Promise<T>,
  { service, deadlineMs, signal, late }: Bounds,
  clock: Clock,
): Promise<{ readonly value: T; readonly waitedMs: number }> {
  const begun = clock.monotonic()
  const context = currentContext()
  const { promise: over, reject } = Promise.withResolvers<never>()
  const leftMs = Math.min(deadlineMs, (context?.deadline ?? Number.POSITIVE_INFINITY) - begun)
  const timer = clock.after(Math.max(0, leftMs), () => reject(late(service)), true)
  const signals = [signal, context?.signal].filter((one) => one !== undefined)
  const gone = ({ target }: { readonly target: unknown }) => reject(cancelled(service, (target as AbortSignal).reason))
  for (const one of signals) {
    if (one.aborted) gone({ target: one })
    else one.addEventListener('abort', gone)
  }
  try {
    return { value: await Promise.race([over, answer]), waitedMs: clock.monotonic() - begun }
  } finally {
    timer.cancel()
    for (const one of signals) one.removeEventListener('abort', gone)
  }
}
