/** What the outside learns of a failure: code, service, instance ids; never an address, a stack or another's message. */
import type { Attempt } from '../client/contract.ts'
import { type ErrorCode, SkeinError } from '../core/errors.ts'
import { WireError } from '../wire/wire-error.ts'

/** Failures behind the gateway. Their own messages may name addresses, so these are said instead. */
const BEHIND: Partial<Record<ErrorCode, string>> = {
  UPSTREAM_FAILED: 'broke off its answer or answered nonsense',
  NO_INSTANCES: 'has no instance',
  UNREACHABLE: 'has no instance that accepts a connection',
  SHUTTING_DOWN: 'is shutting down',
  REGISTRY_UNAVAILABLE: 'cannot be looked up',
  DEADLINE_EXCEEDED: 'did not answer in time',
  CANCELLED: 'was not waited for',
  INTERNAL: 'could not be asked',
}

/** The JSON body for `error`. */
export function publicBody(error: SkeinError, service: string | undefined, requestId: string): string {
  const shown = new SkeinError(error.code, publicMessage(error, service), {
    ...(behindOf(error) === undefined ? error.details : {}),
    attempts: attemptsOf(error)?.map(publicAttempt),
    service,
    reason: reasonOf(error),
    cause: causeOf(error),
    requestId,
  })
  return JSON.stringify(shown.toBody())
}

/** In words. */
export function publicMessage(error: SkeinError, service: string | undefined): string {
  const behind = behindOf(error)
  return behind === undefined ? error.message : `${service === undefined ? 'it' : `service "${service}"`} ${behind}`
}

function behindOf(error: SkeinError): string | undefined {
  return isOurs(error) ? undefined : BEHIND[error.code]
}

/** The gateway's own errors give a reason and are worded for the outside. */
function isOurs(error: SkeinError): boolean {
  return typeof error.details['reason'] === 'string'
}

function publicAttempt({ instance, outcome, durationMs }: Attempt): Record<string, unknown> {
  return { instance, outcome, durationMs: Math.round(durationMs) }
}

/** The attempts that led to `error`, where it was the caller who failed. */
export function attemptsOf(error: SkeinError): readonly Attempt[] | undefined {
  const attempts = error.details['attempts']
  return Array.isArray(attempts) ? (attempts as readonly Attempt[]) : undefined
}

/** One stable word: the reason given, else what the last attempt met, else the code. */
export function reasonOf(error: SkeinError): string {
  const reason = error.details['reason']
  if (typeof reason === 'string') return reason
  const last = attemptsOf(error)?.at(-1)?.outcome
  return String(last ?? error.code).toLowerCase()
}

/**
 * What was wrong on the wire, as a stable word where there is one: `two_lengths`, `econnreset`, `econnrefused`. It tells a
 * broken instance from a dead one, and names no address.
 */
export function causeOf(error: Error): string | undefined {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof WireError) return cause.reason
    const { code } = cause as NodeJS.ErrnoException
    if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) return code.toLowerCase()
  }
  return undefined
}
