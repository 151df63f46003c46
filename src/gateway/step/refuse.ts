import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { refuseHead } from '../head.ts'
import { parseTarget, type Target } from '../target.ts'

/**
 * Refuses what the upstream might read in another way than we do. The connection ends with the answer, and it is marked
 * before anything is awaited: Node hands over pipelined requests within the same turn.
 */
export function refuse({ limits }: Parts): Step<Exchange, void> {
  return async (exchange, next) => {
    const refusal = refuseHead(exchange.head, limits)
    if (refusal !== undefined) {
      exchange.connection.refused = true
      throw new SkeinError(refusal.code, refusal.message, { reason: refusal.reason })
    }
    exchange.target = parseTarget(exchange.head.target, header(exchange.head.headers, 'host')!) as Target
    return next()
  }
}
