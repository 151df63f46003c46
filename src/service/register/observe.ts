/** Trace, deadline, log and metrics around an app's server, without a change in what it answers. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { compose } from '../../core/compose.ts'
import { runInContext } from '../../core/context.ts'
import { Exchange, type Host } from '../exchange.ts'
import { InFlight } from '../in-flight.ts'
import { NodeInbound } from '../server/node-inbound.ts'
import { accessLog } from '../step/access-log.ts'
import { callerDeadline } from '../step/deadline.ts'
import { identify } from '../step/identify.ts'
import { measure } from '../step/measure.ts'

/**
 * The steps of every service that only look. They run around `emit`, so all listeners, the app's own order of them and what
 * they throw stay as they are.
 */
export function observe(server: Server, host: Host): InFlight {
  const inFlight = new InFlight()
  const look = compose([identify, accessLog, measure(host.metrics), callerDeadline], async () => undefined)
  const emit = server.emit
  server.emit = function observed(this: Server, event: string | symbol, ...args: unknown[]): boolean {
    const run = () => Reflect.apply(emit, this, [event, ...args]) as boolean
    if (event !== 'request') return run()
    const [request, response] = args as [IncomingMessage, ServerResponse]
    const exchange = new Exchange(host, new NodeInbound(request, response))
    exchange.operation = exchange.method
    inFlight.begin()
    exchange.onEnd(() => inFlight.end())
    if (host.phase !== 'serving') response.shouldKeepAlive = false
    look(exchange).catch((err) => host.log.error({ err }, 'a request could not be observed'))
    return runInContext(exchange.callContext, run)
  } as Server['emit']
  return inFlight
}
