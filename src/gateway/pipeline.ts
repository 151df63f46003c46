/**
 * What happens to every request; what its route asks for is in route-pipeline.ts. Lists of plain functions and no onion, whose
 * layers cost each request two promises each. The order is the meaning: each entry says why it stands where it does.
 */
import { sendReply } from './answer.ts'
import type { Exchange, Parts } from './exchange.ts'
import { routePipelines } from './route-pipeline.ts'
import { accessLog } from './step/access-log.ts'
import { answerError } from './step/answer-error.ts'
import { identify } from './step/identify.ts'
import { measure } from './step/measure.ts'
import { endSpan } from './step/record.ts'
import { refuse } from './step/refuse.ts'
import { takeRoute } from './step/take-route.ts'
import { tellOrigin } from './step/tell-origin.ts'

type Visit = (exchange: Exchange) => void

/** What runs a request to its end. Rejects only on a mistake in a step, as it answers for the errors of requests. */
export function createPipeline(parts: Parts): (exchange: Exchange) => Promise<void> {
  const pipelineOf = routePipelines(parts)
  const { begin, end } = measure(parts)

  /** On the way in. What one throws is answered as an error. */
  const entrance: readonly Visit[] = [
    // Must be first: everything below logs or answers under these ids.
    identify(parts),
    // Must be above all that may refuse, as refusals count too.
    begin,
    // Must be above all that reads the request: it is what makes reading it safe. Costs only a scan of the head.
    refuse(parts),
    // Must be above the route, whose hash policy may need the client's address; below `refuse`, which makes Host single.
    tellOrigin,
    // Must be last here: what follows depends on the route.
    takeRoute,
  ]
  /** Once the answer is complete, whoever gave it. */
  const exit: readonly Visit[] = [
    // Must be above the log, whose line costs more than all the rest and would count in the time.
    end,
    ...(parts.tracer === undefined ? [] : [endSpan]),
    accessLog(parts),
  ]

  const enter = (exchange: Exchange): Promise<void> => {
    try {
      for (const visit of entrance) visit(exchange)
      return pipelineOf(exchange.route!)(exchange)
    } catch (thrown) {
      return Promise.reject(thrown)
    }
  }
  const leave: Visit = (exchange) => {
    for (const visit of exit) visit(exchange)
  }
  const fail = async (exchange: Exchange, thrown: unknown): Promise<void> => {
    await answerError(exchange, thrown, parts)
    leave(exchange)
  }
  const reply = (exchange: Exchange): Promise<void> =>
    sendReply(exchange, exchange.reply!, parts).then(
      () => leave(exchange),
      (thrown) => fail(exchange, thrown),
    )
  return (exchange) =>
    enter(exchange).then(
      () => (exchange.reply === undefined ? leave(exchange) : reply(exchange)),
      (thrown) => fail(exchange, thrown),
    )
}
