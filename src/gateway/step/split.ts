import { hashKeyOf } from '../../balance/hash-key.ts'
import type { Step } from '../../core/compose.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { pointOf, serviceAt } from '../rule/split.ts'

/** Chooses the service, where the route shares its traffic out among several. */
export function split({ random }: Parts): Step<Exchange, void> {
  return (exchange, next) => {
    const config = exchange.route!.config.split!
    const { origin, connection, head, params, target } = exchange
    const asked = { ip: origin!.ip, port: connection.port, headers: head.headers, params, query: target!.query }
    const key = config.by === undefined ? undefined : hashKeyOf(config.by, asked)
    exchange.service = serviceAt(config, key === undefined ? random() : pointOf(key))
    exchange.span?.decide('split', { service: exchange.service })
    return next(exchange)
  }
}
