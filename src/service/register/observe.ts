/** Trace, deadline, log, metrics and a limit around an app's server, without a change in what it answers to those it answers. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { compose } from '../../core/compose.ts'
import { runInContext } from '../../core/context.ts'
import { Exchange, type Host } from '../exchange.ts'
import { InFlight } from '../in-flight.ts'
import type { LimitConfig } from '../limit/limits.ts'
import { NodeInbound } from '../server/node-inbound.ts'
import { accessLog } from '../step/access-log.ts'
import { admit } from '../step/admit.ts'
import { callerDeadline } from '../step/deadline.ts'
import { identify } from '../step/identify.ts'
import { measure } from '../step/measure.ts'
import { prioritise } from '../step/prioritise.ts'
import { record } from '../step/record.ts'
import { respond } from '../step/respond.ts'

/** A request of the app's, with the listeners that are to get it. */
class Guest extends Exchange {
  run: () => void = () => {}
}

/**
 * The steps of every service that suit an app which knows nothing of them. They run around `emit`, so all listeners, the app's
 * own order of them and what they throw stay as they are; upgrades pass beside them.
 */
export function observe(server: Server, host: Host, limit?: LimitConfig): InFlight {
  const inFlight = new InFlight()
  const recording = host.tracer === undefined ? [] : [record(host.tracer)]
  const admission = admit({ limit, server: 'node' })
  const look = [identify, ...recording, accessLog, measure(host.metrics), callerDeadline, prioritise(undefined)]
  const steps = admission === undefined ? look : [...look, admission]
  const handle = compose(steps, async (exchange) => handOver(exchange as Guest))
  const emit = server.emit
  server.emit = function observed(this: Server, event: string | symbol, ...args: unknown[]): boolean {
    const run = () => Reflect.apply(emit, this, [event, ...args]) as boolean
    if (event !== 'request') return run()
    const [request, response] = args as [IncomingMessage, ServerResponse]
    const exchange = new Guest(host, new NodeInbound(request, response))
    exchange.run = run
    exchange.operation = exchange.method
    inFlight.begin()
    exchange.onEnd(() => inFlight.end())
    if (host.phase !== 'serving') response.shouldKeepAlive = false
    handle(exchange).catch((error) => void respond(exchange, () => Promise.reject(error)))
    return true
  } as Server['emit']
  return inFlight
}

/** What a listener throws is uncaught, as it is in a server that nobody watches. */
function handOver(exchange: Guest): undefined {
  try {
    runInContext(exchange.callContext, exchange.run)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
