/** The log of a process that the CLI runs itself: JSON lines, or formatted where a person looks on. */
import { createLogger, type Logger, type LogLevel } from '../../core/log.ts'
import { LogFormatter } from './log-line.ts'
import type { Terminal } from './terminal.ts'

/** `level` as in createLogger. */
export function processLog(service: string, { out, wantsJson }: Terminal, level?: LogLevel): Logger {
  if (!out.isTerminal || wantsJson) return createLogger({ service }, level)
  const formatter = new LogFormatter(out.paint)
  // The line's own time is used; `at` is for lines that have none.
  return createLogger({ service }, level, {
    write: (text) => out.line(formatter.format({ at: 0, service, instance: service, text: text.trimEnd() })),
  })
}
