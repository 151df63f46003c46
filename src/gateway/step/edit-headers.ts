import type { Step } from '../../core/compose.ts'
import type { Exchange } from '../exchange.ts'
import { applyEdits } from '../rule/header-edits.ts'

/** Notes what the route changes about the fields of request and answer; an answer of the gateway's own gets them too. */
export const editHeaders: Step<Exchange, void> = (exchange, next) => {
  const { requestHeaders, responseHeaders } = exchange.route!.rules
  if (requestHeaders) applyEdits(requestHeaders, exchange.requestEdits)
  if (responseHeaders) applyEdits(responseHeaders, exchange.answerEdits)
  return next(exchange)
}
