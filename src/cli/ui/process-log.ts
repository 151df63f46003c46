/** The log of a process that the CLI runs itself: JSON lines, or formatted where a person looks on. */
import { createLogger, type Logger } from '../../core/log.ts'
import { type Environment, SETTINGS } from '../../core/settings.ts'
import { LogFormatter } from './log-line.ts'
import type { Terminal } from './terminal.ts'

/** `service` names the process where the fleet that started it gives no instance. */
export function processLog(service: string, { out, wantsJson }: Terminal, env: Environment): Logger {
  const instance = env[SETTINGS.instance] ?? service
  const bindings = { service, instance }
  if (!out.isTerminal || wantsJson) return createLogger(bindings)
  const formatter = new LogFormatter(out.paint)
  // The line's own time is used; `at` is for lines that have none.
  return createLogger(bindings, undefined, {
    write: (text) => out.line(formatter.format({ at: 0, service, instance, text: text.trimEnd() })),
  })
}
