import type { Clock } from '../../core/clock.ts'
import type { Step } from '../../core/compose.ts'
import type { Instance } from '../../discovery/contract.ts'
import type { Exchange, Parts } from '../exchange.ts'

/**
 * Sends the request where the client's session is, and tells the client by a cookie where it is from now on. A tunnel is only sent
 * there: its handshake is the instance's own.
 */
export function stick({ caller, clock }: Parts): Step<Exchange, void> {
  return (exchange, next) => {
    const go = (instances: readonly Instance[]) => {
      follow(exchange, instances, clock)
      return next(exchange)
    }
    const known = caller.known(exchange.service!)
    return 'then' in known ? known.then(go) : go(known)
  }
}

function follow(exchange: Exchange, instances: readonly Instance[], clock: Clock): void {
  const sticky = exchange.route!.sticky!
  const service = exchange.service!
  const session = sticky.read(exchange.head.headers, service, instances, clock.now())
  exchange.session = session?.instance
  exchange.filterAnswer((answer) => {
    const { instance, origin, answerEdits } = exchange
    if (instance !== undefined && (session?.instance !== instance || session.isOld)) {
      answerEdits.add('set-cookie', sticky.write(service, instance, clock.now(), origin!.proto === 'https'))
      // Caches on the way may keep the answer, but not somebody's session with it.
      answerEdits.add('cache-control', 'no-cache="set-cookie"')
    }
    return Promise.resolve(answer)
  })
}
