/** What happens to a request, in this order. Each entry says why it stands where it stands. */
import { compose } from '../core/compose.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import type { Exchange, Reply, ServiceStep } from './exchange.ts'
import type { Prepared } from './operation.ts'
import type { App } from './servable.ts'
import { accessLog } from './step/access-log.ts'
import { admit } from './step/admit.ts'
import { callerDeadline } from './step/deadline.ts'
import { gate } from './step/gate.ts'
import { handle } from './step/handle.ts'
import { identify } from './step/identify.ts'
import { limits } from './step/limits.ts'
import { measure } from './step/measure.ts'
import { prioritise } from './step/prioritise.ts'
import { probes } from './step/probes.ts'
import { record } from './step/record.ts'
import { respond } from './step/respond.ts'
import { router } from './step/route.ts'

type Handle = (exchange: Exchange) => Promise<Reply | undefined>

/** Around every app, also those of other frameworks. */
export function servicePipeline(app: App, metrics: Metrics, tracer?: Tracer): Handle {
  const admission = admit(app)
  const steps: readonly ServiceStep[] = [
    // Request id and trace. Must be first: all below write them into logs, errors and answers.
    identify,
    // Writes what the rest returns or throws. Must be above everything that may throw.
    respond,
    // /health, /metrics, /openapi.json. Above log and gate: a probe a second would drown the log, and a draining instance
    // still tells that it drains and is still scraped.
    probes(app),
    // Where spans are recorded. Below the probes, which would drown them; above everything else, as all tell it what they decide.
    ...(tracer === undefined ? [] : [record(tracer)]),
    // Above everything that may answer early, so that every request leaves its line.
    accessLog,
    // As the log: refused requests count too. No other constraint.
    measure(metrics),
    // Refuses while closing. Above all that costs.
    gate,
    // Counts and forms of the head. Above everything that reads the request.
    limits,
    // The caller's deadline runs from here. Above the body, so that a slow one counts.
    callerDeadline,
    // How much it matters. Above admit, and not part of it: what is asked of others inherits it, limit or not.
    prioritise(app.priorityOf),
    // Takes on what can be done. Must be below probes, which are never refused, and the deadline, which it looks at; last, so that
    // what it counts as work is work.
    ...(admission === undefined ? [] : [admission]),
  ]
  return compose(steps, app.handle)
}

/** The rest of the way for services of the kit. */
export function operationHandler(service: string, operations: readonly Prepared[]): Handle {
  const route = router(service, operations)
  // Route before validation, because the operation says what is valid; `handle` validates, calls, checks and writes JSON.
  return async (exchange) => handle(exchange, route(exchange))
}
