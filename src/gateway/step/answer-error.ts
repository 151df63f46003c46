import { asSkeinError } from '../../core/errors.ts'
import { sendError } from '../answer.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { attemptsOf } from '../public-error.ts'

/** Turns whatever was thrown into an answer. What `fail` was told counts before what it led to. */
export function answerError(exchange: Exchange, thrown: unknown, parts: Parts): void | Promise<void> {
  const error = exchange.failure ?? asSkeinError(thrown)
  exchange.error = error
  exchange.attempts = attemptsOf(error) ?? exchange.attempts
  exchange.instance ??= exchange.attempts.at(-1)?.instance
  if (error.code === 'INTERNAL') parts.log.error({ err: error.cause, requestId: exchange.requestId }, error.message)
  return sendError(exchange, error, parts)
}
