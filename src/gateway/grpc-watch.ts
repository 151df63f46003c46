/** What ends a gRPC call that does not end by itself. */
import { SkeinError } from '../core/errors.ts'
import type { Exchange, Parts } from './exchange.ts'
import { IdleTimer } from './idle.ts'

/**
 * Runs `send` until the client's own deadline, and for as long as anything passes: the call's deadline in the outbound path is only
 * that of the head. Client and server watch both as well; this is for those that have gone without a word.
 */
export async function watched(
  exchange: Exchange,
  send: (exchange: Exchange) => Promise<void>,
  { clock, limits }: Parts,
): Promise<void> {
  const { timeoutMs } = exchange.grpc!
  const left = timeoutMs === undefined ? undefined : Math.max(0, exchange.startedAt + timeoutMs - clock.monotonic())
  const deadline =
    left === undefined || left > LONGEST_MS ? undefined : clock.after(left, () => exchange.fail(tooLate()))
  const idle = new IdleTimer(clock, limits.tunnelIdleMs, () => exchange.fail(silent(limits.tunnelIdleMs)))
  exchange.idle = idle
  try {
    await send(exchange)
  } finally {
    deadline?.cancel()
    idle.cancel()
  }
}

/** Timers take no more than 24.8 days. */
const LONGEST_MS = 2 ** 31 - 1

function tooLate(): SkeinError {
  return new SkeinError('DEADLINE_EXCEEDED', 'the deadline of the call has passed', { reason: 'grpc_timeout' })
}

function silent(ms: number): SkeinError {
  return new SkeinError('DEADLINE_EXCEEDED', `nothing passed for ${ms} ms`, { reason: 'stream_idle' })
}
