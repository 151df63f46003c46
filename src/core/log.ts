/** Structured logs: one JSON line an event, by pino. People read them through `skein up` or `skein logs`, which format them. */
import { type DestinationStream, type LoggerOptions, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/**
 * A logger to standard output whose lines carry `service` and `instance` (where given) and an ISO time.
 * Level: the argument, else SKEIN_LOG_LEVEL, else `info`. Tokens and cookies are never written. `destination` takes the
 * lines in place of standard output.
 */
export function createLogger(
  bindings: Readonly<Record<string, string>> = {},
  level?: LogLevel,
  destination?: DestinationStream,
): Logger {
  const options: LoggerOptions = {
    level: level ?? process.env['SKEIN_LOG_LEVEL'] ?? 'info',
    base: bindings,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['headers.authorization', 'headers.cookie', 'headers["x-consul-token"]', 'token'],
      censor: '<hidden>',
    },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

/** A logger that writes nothing: for tests and libraries that were given none. */
export const silentLogger: Logger = pino({ level: 'silent' })
