/**
 * A service of which most calls fail is not asked for a while: its callers learn so at once, and it can get up. For a service as a
 * whole; one bad instance is taken out by the breaker, without anybody having to ask for it. A refusal for having too much to
 * do is no failure: it is dealt with by doing less, not by doing nothing.
 */
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Call, Layer, Parts } from '../call.ts'
import type { Circuit } from '../circuit.ts'
import type { OutboundResponse } from '../contract.ts'
import { circuitOpen } from '../failure.ts'
import { isFailed } from '../grpc.ts'
import { ERROR_HEADER } from '../headers.ts'

export const circuit: Layer = (parts, next) => (call) => {
  const made = call.upstream.circuits.of(call.policy.circuit!)
  const kind = made.enter(parts.clock.monotonic())
  if (kind === undefined) return Promise.reject(circuitOpen(call, made.closedIn(parts.clock.monotonic())))
  const end = (well: boolean | undefined) => {
    if (made.ended(kind, well, parts.clock.monotonic())) tell(call, made, parts)
  }
  return next(call).then(
    (response) => {
      end(wellAnswered(response))
      return response
    },
    (error) => {
      end(error instanceof SkeinError && error.kind.fault === 'upstream' && !LOCAL.has(error.code) ? false : undefined)
      throw error
    },
  )
}

/** Of this side's making: the service has not been asked. */
const LOCAL: ReadonlySet<string> = new Set(['BULKHEAD_FULL', 'CIRCUIT_OPEN'])
const TOO_MUCH: ReadonlySet<string | undefined> = new Set(['OVERLOADED', 'UPSTREAM_OVERLOADED'])

/** By the head: a stream of gRPC may take minutes until its status comes, and a call that tries cannot be waited for so long. */
function wellAnswered(response: OutboundResponse): boolean | undefined {
  if (!isFailed(response)) return true
  return TOO_MUCH.has(header(response.headers, ERROR_HEADER)) ? undefined : false
}

function tell({ request: { service }, upstream, span }: Call, made: Circuit, { clock, log, metrics }: Parts): void {
  const now = clock.monotonic()
  const state = made.state(now)
  metrics.circuit.with(service).value = upstream.circuits.areClosed(now) ? 0 : 1
  span?.decide('circuit', { state })
  if (state !== 'closed') log.warn({ service }, 'circuit open: the service is not asked for a while')
  else log.info({ service }, 'circuit closed again')
}
