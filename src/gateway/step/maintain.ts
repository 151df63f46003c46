import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'

/** Answers in place of a route that is closed for a while: a page for browsers, an error for programs. */
export const maintain: Step<Exchange, void> = async (exchange, next) => {
  const maintenance = exchange.route!.rules.maintenance!
  if (maintenance.excepts(exchange.origin!.ip)) return next(exchange)
  exchange.answerEdits.put('retry-after', String(maintenance.retryAfterSeconds))
  exchange.answerEdits.put('cache-control', 'no-store')
  const details = { reason: 'maintenance', retryAfterSeconds: maintenance.retryAfterSeconds }
  const error = new SkeinError('MAINTENANCE', 'closed for maintenance', details)
  if (!header(exchange.head.headers, 'accept')?.includes('text/html')) throw error
  exchange.error = error
  exchange.reply = {
    status: error.kind.status,
    headers: ['content-type', 'text/html; charset=utf-8', 'x-skein-error', error.code],
    body: maintenance.page,
  }
}
