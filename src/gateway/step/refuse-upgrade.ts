import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { KEY } from '../handshake.ts'

/** Refuses what asks for another protocol, but for a WebSocket's handshake where the route allows it. */
export const refuseUpgrade: Step<Exchange, void> = (exchange, next) => {
  const refusal = exchange.upgrading ? refusalOf(exchange) : undefined
  return refusal === undefined ? next(exchange) : Promise.reject(refusal)
}

function refusalOf({ route, head }: Exchange): SkeinError | undefined {
  if (route!.config.websocket !== true) return refused('websocket_not_allowed', 'no WebSocket is let in here')
  if (head.upgrade !== 'websocket') return refused('upgrade', 'the only protocol of CONNECT is websocket')
  const key = header(head.headers, KEY)
  const isKey = key === undefined ? head.version === '2.0' : /^[A-Za-z0-9+/]{22}==$/.test(key)
  if (head.method === 'GET' && head.version !== '1.0' && isKey) return undefined
  return refused('websocket_handshake', 'this is no WebSocket handshake')
}

function refused(reason: string, message: string): SkeinError {
  return new SkeinError('BAD_REQUEST', message, { reason })
}
