import { sendAnswer } from '../answer.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { asPartOf, outboundRequest } from '../outbound.ts'

/** Hands the request to the client's outbound path, which balances and retries, and its answer to the client. */
export function forward(parts: Parts): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    const answer = await asPartOf(exchange, () => parts.caller.request(outboundRequest(exchange, parts.limits)))
    exchange.instance = answer.instance.id
    exchange.attempts = answer.attempts
    await sendAnswer(exchange, await exchange.filtered(answer), parts)
  }
}
