import type { Step } from '../../core/compose.ts'
import { asSkeinError } from '../../core/errors.ts'
import { sendError, sendReply } from '../answer.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { attemptsOf } from '../public-error.ts'

/** Sends what a step answers in place of the upstream, and turns whatever is thrown below into an answer. What `fail` was told counts before what it led to. */
export function answerErrors(parts: Parts): Step<Exchange, void> {
  return async (exchange, next) => {
    try {
      await next()
      if (exchange.reply !== undefined) await sendReply(exchange, exchange.reply, parts)
    } catch (thrown) {
      const error = exchange.failure ?? asSkeinError(thrown)
      exchange.error = error
      exchange.attempts = attemptsOf(error) ?? exchange.attempts
      exchange.instance ??= exchange.attempts.at(-1)?.instance
      if (error.code === 'INTERNAL') parts.log.error({ err: error.cause, requestId: exchange.requestId }, error.message)
      await sendError(exchange, error, parts)
    }
  }
}
