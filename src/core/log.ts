/** Structured logs: one JSON line an event, by pino. People read them through `skein up` or `skein logs`, which format them. */
import { type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/**
 * A logger to standard output whose lines carry `service` and `instance` (where given) and an ISO time.
 * Level: the argument, else SKEIN_LOG_LEVEL, else `info`. Tokens and cookies are never written.
 */
export function createLogger(bindings: Readonly<Record<string, string>> = {}, level?: LogLevel): Logger {
  return pino({
    level: level ?? process.env['SKEIN_LOG_LEVEL'] ?? 'info',
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['headers.authorization', 'headers.cookie', 'headers["x-consul-token"]', 'token'],
      censor: '<hidden>',
    },
  })
}

/** A logger that writes nothing: for tests and libraries that were given none. */
export const silentLogger: Logger = pino({ level: 'silent' })
