/** Timers for judging others, who are not to blame for a pause of ours. */
import type { Clock, Timer } from '../../core/clock.ts'

/** A timer this late means that the process itself stood still (suspended, starved): what it waited for is in the sockets. */
const STANDSTILL_MS = 250

/** Like `clock.after`, but a standstill of this process starts the time anew. */
export function afterRunning(clock: Clock, ms: number, run: () => void): Timer {
  let timer: Timer
  const arm = () => {
    const due = clock.monotonic() + ms
    timer = clock.after(ms, () => (clock.monotonic() - due > STANDSTILL_MS ? arm() : run()))
  }
  arm()
  return { cancel: () => timer.cancel() }
}
