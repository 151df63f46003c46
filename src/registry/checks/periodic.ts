/** Runs a probe again and again: first after a random part of the interval, then every interval, never two at a time. */
import type { Timer } from '../../core/clock.ts'
import { INTERVAL_MIN_MS, type Probe, type StartCheck, TIMEOUT_DEFAULT_MS } from './contract.ts'

/** The interval is counted from start to start; a run that takes longer delays the next one. */
export function periodic(probe: Probe): StartCheck {
  return (definition, _lastOutput, report, { clock, random }) => {
    const intervalMs = Math.max(definition.intervalMs ?? 0, INTERVAL_MIN_MS)
    const timeoutMs = definition.timeoutMs ?? TIMEOUT_DEFAULT_MS
    const stopped = new AbortController()
    let timer: Timer = clock.after(random() * intervalMs, run)

    async function run() {
      const started = clock.monotonic()
      const attempt = new AbortController()
      const stop = () => attempt.abort(new Error('stopped'))
      stopped.signal.addEventListener('abort', stop)
      const timeout = clock.after(timeoutMs, () => attempt.abort(new Error(`no answer within ${timeoutMs} ms`)))
      const result = await probe(definition, attempt.signal)
      timeout.cancel()
      stopped.signal.removeEventListener('abort', stop)
      if (stopped.signal.aborted) return
      timer = clock.after(Math.max(0, intervalMs - (clock.monotonic() - started)), run)
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
