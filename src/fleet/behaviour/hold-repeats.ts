import type { Behaviour, Run } from '../behaviour.ts'
import type { LogLine } from '../contract.ts'

/** A start that lives longer than this, ms, or writes more than this, is worth watching, whatever it fails of. */
const HELD_MS = 10_000
const HELD_LINES = 500

/**
 * A service file that throws shows its error once, not at each new try: after a failure the output of the next start is
 * held back until it serves (then it is shown) or fails of the same (then it is dropped; `restarts` tells that it tried).
 */
export function holdRepeats(show: (line: LogLine) => void): Behaviour & { write(run: Run, line: LogLine): void } {
  const held = new WeakMap<Run, LogLine[]>()

  function release(run: Run): void {
    const lines = held.get(run) ?? []
    held.delete(run)
    for (const line of lines) show(line)
  }

  return {
    launched(run) {
      if (run.previousFailure === undefined) return
      held.set(run, [])
      run.after(HELD_MS, () => release(run))
    },
    write(run, line) {
      const lines = held.get(run)
      if (lines === undefined) return show(line)
      lines.push(line)
      if (lines.length > HELD_LINES) release(run)
    },
    ready: release,
    ended(run) {
      const repeated = !run.stopping && sameFailure(run.failure, run.previousFailure)
      if (repeated) held.delete(run)
      else release(run)
    },
  }
}

/** Numbers do not count: ports, process ids and times differ at each try. */
function sameFailure(a: string | undefined, b: string | undefined): boolean {
  return a?.replaceAll(/\d+/g, '0') === b?.replaceAll(/\d+/g, '0')
}
