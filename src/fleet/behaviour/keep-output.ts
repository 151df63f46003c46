import type { Clock } from '../../core/clock.ts'
import type { Behaviour, Run } from '../behaviour.ts'
import type { LogLine } from '../contract.ts'
import { LineSplitter } from '../lines.ts'

/** Enough for Node's report of an uncaught error with its cause. */
const LAST_ERRORS_MAX = 40

type Splitters = Readonly<Record<LogLine['stream'], LineSplitter>>

/** Cuts what a process writes into lines, hands them to `write`, and keeps the last of stderr for the account of its end. */
export function keepOutput(clock: Clock, write: (run: Run, line: LogLine) => void): Behaviour {
  const splitters = new WeakMap<Run, Splitters>()

  function splitter(run: Run, stream: LogLine['stream']): LineSplitter {
    return new LineSplitter((text) => {
      if (stream === 'stderr') remember(run.lastErrors, text)
      write(run, { at: clock.now(), service: run.spec.name, instance: run.id, stream, text })
    })
  }

  return {
    launched: (run) => splitters.set(run, { stdout: splitter(run, 'stdout'), stderr: splitter(run, 'stderr') }),
    output: (run, stream, chunk) => splitters.get(run)?.[stream].write(chunk),
    outputEnded(run) {
      splitters.get(run)?.stdout.end()
      splitters.get(run)?.stderr.end()
    },
  }
}

function remember(lines: string[], text: string): void {
  lines.push(text)
  if (lines.length > LAST_ERRORS_MAX) lines.shift()
}
