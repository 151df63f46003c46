import { SkeinError } from '../../core/errors.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { readHead } from '../head.ts'

/**
 * Refuses what the upstream might read in another way than we do. The connection ends with the answer.
 */
export function refuse({ limits }: Parts): (exchange: Exchange) => void {
  return (exchange) => {
    const read = readHead(exchange.head, limits, exchange.connection.secure ? 'https' : 'http')
    if ('reason' in read) {
      exchange.wire.closeAfter()
      throw new SkeinError(read.code, read.message, { reason: read.reason })
    }
    exchange.target = read
  }
}
