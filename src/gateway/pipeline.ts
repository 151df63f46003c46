/**
 * What happens to every request, outermost first; what its route asks for beyond that is in route-pipeline.ts. The order is
 * the meaning: each entry says why it stands where it does.
 */
import { compose } from '../core/compose.ts'
import type { Exchange, Parts } from './exchange.ts'
import { routePipelines } from './route-pipeline.ts'
import { accessLog } from './step/access-log.ts'
import { answerErrors } from './step/answer-errors.ts'
import { identify } from './step/identify.ts'
import { measure } from './step/measure.ts'
import { refuse } from './step/refuse.ts'
import { takeRoute } from './step/take-route.ts'
import { tellOrigin } from './step/tell-origin.ts'

export function createPipeline(parts: Parts): (exchange: Exchange) => Promise<void> {
  const pipelineOf = routePipelines(parts)
  return compose<Exchange, void>(
    [
      // Must be outermost: everything below logs or answers under these ids.
      identify,
      // Must be above everything that can answer early, so that each answer has its line; below the ids it writes.
      accessLog(parts),
      // Must be above the answer to errors, so that failures count; no other constraint.
      measure(parts),
      // Must be below log and metrics, which read the status it sets, and above all that throws.
      answerErrors(parts),
      // Must be above all that reads the request: it is what makes reading it safe. Costs only a scan of the head.
      refuse(parts),
      // Must be above the route, whose hash policy may need the client's address; below `refuse`, which makes Host single.
      tellOrigin,
      // Must be innermost here: what follows depends on the route.
      takeRoute,
    ],
    (exchange) => pipelineOf(exchange.route!)(exchange),
  )
}
