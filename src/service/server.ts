/** What listens for a service: its requests go through the pipeline, each counted until its answer is out. */
import { Exchange, type Host } from './exchange.ts'
import { InFlight } from './in-flight.ts'
import type { Inbound } from './inbound.ts'
import { servicePipeline } from './pipeline.ts'
import type { App } from './servable.ts'
import type { ServiceServer } from './server/contract.ts'
import { SERVERS, type ServerChoice } from './servers.ts'

/** A server and the requests that it holds. */
export interface Serving {
  readonly server: ServiceServer
  readonly inFlight: InFlight
}

export function createServing(app: App, host: Host, { name, pipelining }: ServerChoice): Serving {
  const run = servicePipeline(app, host.metrics, host.tracer)
  const inFlight = new InFlight()
  const onRequest = (inbound: Inbound) => {
    inFlight.begin()
    const exchange = new Exchange(host, inbound)
    run(exchange).catch((err) => giveUp(host, inbound, err))
    exchange.onEnd(() => inFlight.end())
  }
  return { server: SERVERS[name]({ app, host, pipelining, onRequest }), inFlight }
}

/** What no step has caught is a fault of Skein's: it may cost this request its answer, never the process. */
function giveUp(host: Host, inbound: Inbound, err: unknown): void {
  host.log.error({ err }, 'the pipeline failed')
  inbound.reset()
}
