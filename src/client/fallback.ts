/** An answer for when the service has none. That it was used must be seen, or a service that is down looks like one that is well. */
import { currentContext } from '../core/context.ts'
import { SkeinError } from '../core/errors.ts'
import { createLogger, type Logger } from '../core/log.ts'
import { type Metrics, processMetrics } from '../telemetry/metrics.ts'
import { clientMetrics } from '../telemetry/standard.ts'

export type Fallback<In = unknown, Out = unknown> = (input: In, error: SkeinError) => Out | Promise<Out>

/** Where it is told that a fallback was used. */
export interface FallbackParts {
  /** Default: the process's own. */
  readonly metrics?: Metrics | undefined
  readonly log?: Logger | undefined
}

interface Called {
  readonly service: string
  readonly operation: string
}

/** The answer, or what stands in for it when the service had none. */
export function withFallback(
  answer: Promise<unknown>,
  instead: (error: SkeinError) => unknown,
  called: Called,
  parts: FallbackParts,
): Promise<unknown> {
  return answer.then(
    (value) => {
      recovered(called, parts)
      return value
    },
    (error) => {
      if (!(error instanceof SkeinError) || error.kind.fault === 'caller') throw error
      used(called, error, parts)
      return instead(error)
    },
  )
}

/** Operations whose last answer was a fallback's: the log gets a line when that begins and when it ends. */
const standingIn = new Set<string>()
let log: Logger | undefined

function used(
  { service, operation }: Called,
  error: SkeinError,
  { metrics = processMetrics, log: own }: FallbackParts,
) {
  clientMetrics(metrics).fallbacks.with(service, operation, error.code).value++
  // Of what is being served: the call's own is over.
  currentContext()?.span?.decide('fallback', { service, operation, code: error.code })
  const key = `${service}.${operation}`
  if (standingIn.has(key)) return
  standingIn.add(key)
  log ??= createLogger()
  const line = { service, operation, code: error.code, reason: error.message }
  ;(own ?? log).warn(line, 'a fallback answers in place of the service')
}

function recovered({ service, operation }: Called, { log: own }: FallbackParts): void {
  if (standingIn.size === 0 || !standingIn.delete(`${service}.${operation}`)) return
  log ??= createLogger()
  ;(own ?? log).info({ service, operation }, 'the service answers again')
}
