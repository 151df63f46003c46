/** The instance says that it is alive; silence for longer than the TTL is critical. */
import type { Timer } from '../../core/clock.ts'
import type { StartCheck } from './contract.ts'
import { afterRunning } from './standstill.ts'

/** A TTL of ten nanoseconds, which is what Go reads where somebody wrote 10, must not keep the processor busy. */
const REPEAT_MIN_MS = 1000

/**
 * Exact, on the monotonic clock, restarted by each beat. Goes on reporting while the silence lasts, in case a report
 * could not be stored. A start counts as a beat: after a restart of the registry
 * every instance has one full TTL to show up. So does a standstill of the registry itself, or one pause of ours would
 * expire everybody at once.
 */
export const startTtl: StartCheck = ({ ttlMs = 0 }, lastOutput, report, { clock }) => {
  let output = lastOutput
  let timer: Timer
  const arm = (ms = ttlMs) => {
    timer = afterRunning(clock, ms, () => {
      report({ status: 'critical', output: expired(output) })
      arm(Math.max(ttlMs, REPEAT_MIN_MS))
    })
  }
  arm()
  return {
    stop: () => timer.cancel(),
    beat(newOutput) {
      output = newOutput
      timer.cancel()
      arm()
    },
  }
}

function expired(lastOutput: string): string {
  return lastOutput === '' ? 'TTL expired' : `TTL expired (last output before timeout follows): ${lastOutput}`
}
