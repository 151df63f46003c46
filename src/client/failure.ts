/** The errors that the outbound path gives: each names the service, and where there is one the instance. */
import { SkeinError } from '../core/errors.ts'
import type { Call } from './call.ts'
import type { Candidate } from './candidate.ts'
import type { Compartment } from './compartment.ts'
import type { BulkheadPolicy } from './guard-policy.ts'
import { isUnprocessed, type TransportError } from './transport.ts'

export function deadlineExceeded(call: Call, what = 'no answer'): SkeinError {
  const { service } = call.request
  const ms = Math.round(call.policy.deadlineMs)
  return new SkeinError(
    'DEADLINE_EXCEEDED',
    `service "${service}": ${what} within the deadline (${ms} ms at most)`,
    details(call),
  )
}

/** The time was over before anybody could be asked: it was not the service that was slow. */
export function registrySilent(service: string): SkeinError {
  const message = `service "${service}": the registry has not said where it is`
  return new SkeinError('REGISTRY_UNAVAILABLE', message, { service })
}

/** The time was over before anybody knew how to ask. */
export function contractUntold(service: string): SkeinError {
  const message = `service "${service}": the registry has not told its contract within the deadline`
  return new SkeinError('REGISTRY_UNAVAILABLE', message, { service })
}

export function attemptTimedOut(call: Call, candidate: Candidate, timeoutMs: number): SkeinError {
  const { service } = call.request
  return new SkeinError(
    'DEADLINE_EXCEEDED',
    `service "${service}": ${candidate.id} did not answer in ${Math.round(timeoutMs)} ms`,
    details(call, candidate),
  )
}

export function bulkheadFull(call: Call, policy: BulkheadPolicy, { calls, waiting }: Compartment): SkeinError {
  const { service, operation = call.request.method } = call.request
  const bound = policy.calls === undefined ? `${policy.perOperation} of one operation` : `${policy.calls}`
  return new SkeinError(
    'BULKHEAD_FULL',
    `service "${service}": ${calls} calls are under way and ${waiting} wait, where the bulkhead lets through ${bound}`,
    { ...details(call), operation },
  )
}

export function circuitOpen(call: Call, leftMs: number): SkeinError {
  const { service } = call.request
  const when = leftMs > 0 ? `it is tried again in ${(leftMs / 1000).toFixed(1)} s` : 'one call is trying it'
  return new SkeinError('CIRCUIT_OPEN', `service "${service}": most calls have failed lately; ${when}`, details(call))
}

export function cancelled(service: string, cause: unknown): SkeinError {
  return new SkeinError('CANCELLED', `service "${service}": the caller gave up`, { service }, cause)
}

/** An instance failed: not reachable when nothing was sent, else broken off. */
export function instanceFailed(call: Call, candidate: Candidate, error: TransportError): SkeinError {
  const { service } = call.request
  const where = `service "${service}": ${candidate.id} (${candidate.key})`
  if (isUnprocessed(error)) {
    const what = error.stage === 'connect' ? 'cannot be reached' : 'did not take the request'
    return new SkeinError('UNREACHABLE', `${where} ${what}: ${error.message}`, details(call, candidate), error)
  }
  const when = error.stage === 'request' ? 'before an answer' : 'in the middle of its answer'
  return new SkeinError(
    'UPSTREAM_FAILED',
    `${where} broke off ${when}: ${error.message}`,
    details(call, candidate),
    error,
  )
}

/** `attempts` is the call's own list: it holds the later ones as well when the error is read. */
function details(call: Call, candidate?: Candidate): Record<string, unknown> {
  const { service } = call.request
  return { service, ...(candidate !== undefined && { instance: candidate.id }), attempts: call.attempts }
}
