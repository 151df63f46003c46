/** What happens to a request, outermost first. The order is the meaning: each entry says why it stands where it does. */
import { compose } from '../core/compose.ts'
import type { Exchange, Parts } from './exchange.ts'
import { accessLog } from './step/access-log.ts'
import { admit } from './step/admit.ts'
import { answerErrors } from './step/answer-errors.ts'
import { authenticate } from './step/authenticate.ts'
import { editHeaders } from './step/edit-headers.ts'
import { forward } from './step/forward.ts'
import { identify } from './step/identify.ts'
import { limitRate } from './step/limit-rate.ts'
import { maintain } from './step/maintain.ts'
import { measure } from './step/measure.ts'
import { mirror } from './step/mirror.ts'
import { receiveBody } from './step/receive-body.ts'
import { redirect } from './step/redirect.ts'
import { refuse } from './step/refuse.ts'
import { rewrite } from './step/rewrite.ts'
import { share } from './step/share.ts'
import { split } from './step/split.ts'
import { takeRoute } from './step/take-route.ts'
import { tellOrigin } from './step/tell-origin.ts'
import { tunnel } from './step/tunnel.ts'

export function createPipeline(parts: Parts): (exchange: Exchange) => Promise<void> {
  const send = forward(parts)
  const splice = tunnel(parts)
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
      // Must be above whatever depends on the route's settings: body limit, upgrade, policy.
      takeRoute,
      // Must be just below the route, whose list it is: nobody else gets anything but the refusal.
      admit,
      // Must be above all that answers below, whose answers get the route's fields too; no other constraint.
      editHeaders,
      // Must be above all that may refuse, or pages could not read why; above authentication, as preflights bring no credentials.
      share,
      // Must be above limits and authentication: to hear that it is closed, nobody needs leave.
      maintain,
      // Must be below CORS, because preflights must not be redirected. Above what costs: there is nothing to protect.
      redirect,
      // Must be above everything that costs more than counting.
      limitRate(parts, (by) => by !== 'identity'),
      // Must be below the cheap limits, as a signature costs much; above all that acts for the client.
      authenticate,
      // Must be below authentication, which says whose limit it is.
      limitRate(parts, (by) => by === 'identity'),
      // Must be above what is told the service; below authentication, so that no refusal counts in a share.
      split(parts),
      // Must be below all that looks at the path which the client asked for.
      rewrite,
      // Must be below all that may refuse: it asks the client for the body, which is only right once somebody will take it.
      receiveBody(parts),
      // Must be below the body, of which it sends a copy, and below the rewrite. No other constraint.
      mirror(parts),
    ],
    (exchange) => (exchange.upgrading ? splice(exchange) : send(exchange)),
  )
}
