import { SkeinError } from '../../core/errors.ts'
import { sendAnswer } from '../answer.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { watched } from '../grpc-watch.ts'
import { outboundRequest } from '../outbound.ts'

/** A policy that makes no sense is the gateway's own affair: its client has asked for nothing wrong. */
function ownFault(error: SkeinError): never {
  if (error.code !== 'INVALID_INPUT') throw error
  throw new SkeinError('INTERNAL', error.message, {}, error)
}

/** Hands the request to the client's outbound path, which balances and retries, and its answer to the client. */
export function forward(parts: Parts): (exchange: Exchange) => Promise<void> {
  // `then` and not `await`: an async function costs every request a promise and three turns more.
  const send = (exchange: Exchange) =>
    parts.caller.request(outboundRequest(exchange, parts.limits)).then((answer) => {
      exchange.instance = answer.instance.id
      exchange.attempts = answer.attempts
      const filtered = exchange.filtered(answer)
      if ('then' in filtered) return filtered.then((changed) => sendAnswer(exchange, changed, parts))
      return sendAnswer(exchange, filtered, parts)
    }, ownFault)
  return (exchange) => (exchange.grpc === undefined ? send(exchange) : watched(exchange, send, parts))
}
