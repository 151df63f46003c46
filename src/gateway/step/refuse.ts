import { SkeinError } from '../../core/errors.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { readHead } from '../head.ts'

/**
 * Refuses what the upstream might read in another way than we do; then the connection ends with the answer.
 */
export function refuse({ limits }: Parts): (exchange: Exchange) => void {
  return (exchange) => {
    const read = readHead(exchange.head, limits, exchange.connection.secure ? 'https' : 'http')
    if ('reason' in read) {
      exchange.wire.closeAfter()
      throw new SkeinError(read.code, read.message, { reason: read.reason })
    }
    // Here, because further down a copy of it may be on its way already.
    if (Number.isNaN(exchange.grpc?.timeoutMs)) {
      throw new SkeinError('BAD_REQUEST', 'grpc-timeout is malformed', { reason: 'grpc_timeout' })
    }
    exchange.target = read
  }
}
