/**
 * A service of which most calls fail is not asked for a while: its callers learn so at once, and it can get up. For a service as a
 * whole; one bad instance is taken out by the breaker, without anybody having to ask for it. A refusal for having too much to
 * do is no failure: it is dealt with by doing less, not by doing nothing.
 */
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Call, Layer, Parts } from '../call.ts'
import { Circuit } from '../circuit.ts'
import type { OutboundResponse } from '../contract.ts'
import { circuitOpen } from '../failure.ts'
import { ERROR_HEADER } from '../headers.ts'
import type { Upstream } from '../upstream.ts'

export const circuit: Layer = (parts, next) => {
  const circuits = new WeakMap<Upstream, Circuit>()
  return (call) => {
    const made = circuits.get(call.upstream) ?? new Circuit(call.policy.circuit!)
    circuits.set(call.upstream, made)
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
        end(
          error instanceof SkeinError && error.kind.fault === 'upstream' && !LOCAL.has(error.code) ? false : undefined,
        )
        throw error
      },
    )
  }
}

/** Of this side's making: the service has not been asked. */
const LOCAL: ReadonlySet<string> = new Set(['BULKHEAD_FULL', 'CIRCUIT_OPEN'])
const TOO_MUCH: ReadonlySet<string | undefined> = new Set(['OVERLOADED', 'UPSTREAM_OVERLOADED'])

function wellAnswered({ status, headers }: OutboundResponse): boolean | undefined {
  if (status < 500) return true
  return TOO_MUCH.has(header(headers, ERROR_HEADER)) ? undefined : false
}

function tell({ request: { service } }: Call, made: Circuit, { clock, log, metrics }: Parts): void {
  const isOpen = made.state(clock.monotonic()) !== 'closed'
  metrics.circuit.with(service).value = isOpen ? 1 : 0
  if (isOpen) log.warn({ service }, 'circuit open: the service is not asked for a while')
  else log.info({ service }, 'circuit closed again')
}
