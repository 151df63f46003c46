/**
 * Runs a probe again and again: first after a random part of the interval, then every interval, never two at a time. A
 * timer each: 5,000 checks a second cost 7 % of a core together with everything around them, so a timer wheel would save
 * nothing that anybody could see.
 */
import type { Timer } from '../../core/clock.ts'
import { INTERVAL_MIN_MS, type Probe, type StartCheck, TIMEOUT_DEFAULT_MS } from './contract.ts'
import { afterRunning } from './standstill.ts'

/**
 * Each check keeps its place in the interval, also after a run that took longer or a pause of the whole process: counted
 * from the last start, all that fell due during one pause would run together ever after.
 */
export function periodic(probe: Probe): StartCheck {
  return (definition, _lastOutput, report, { clock, random }) => {
    const intervalMs = Math.max(definition.intervalMs ?? 0, INTERVAL_MIN_MS)
    const timeoutMs = definition.timeoutMs ?? TIMEOUT_DEFAULT_MS
    const stopped = new AbortController()
    let due = clock.monotonic() + random() * intervalMs
    let timer: Timer = clock.after(due - clock.monotonic(), run)

    async function run() {
      const attempt = new AbortController()
      const stop = () => attempt.abort(new Error('stopped'))
      stopped.signal.addEventListener('abort', stop)
      const tooLate = () => attempt.abort(new Error(`no answer within ${timeoutMs} ms`))
      const timeout = afterRunning(clock, timeoutMs, tooLate)
      const result = await probe(definition, attempt.signal)
      timeout.cancel()
      stopped.signal.removeEventListener('abort', stop)
      if (stopped.signal.aborted) return
      due += intervalMs * Math.max(1, Math.ceil((clock.monotonic() - due) / intervalMs))
      timer = clock.after(due - clock.monotonic(), run)
      report(result)
    }

    return {
      stop() {
        timer.cancel()
        stopped.abort()
      },
    }
  }
}
