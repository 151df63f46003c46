/**
 * How many results in a row it takes to change a status. Pure. As in Consul the counters start at their threshold, so
 * the first result counts at once; warning counts as a success. Each threshold of n means: n results beyond the first.
 */
import type { CheckDefinition, Status } from '../state/records.ts'

export interface Counters {
  readonly successes: number
  readonly failures: number
}

export interface Judged {
  readonly counters: Counters
  /** The status to show now, or undefined to leave the one that is shown. */
  readonly status: Status | undefined
}

type Thresholds = Pick<CheckDefinition, 'successBeforePassing' | 'failuresBeforeWarning' | 'failuresBeforeCritical'>

export function startCounters(definition: Thresholds): Counters {
  return { successes: definition.successBeforePassing ?? 0, failures: definition.failuresBeforeCritical ?? 0 }
}

/** Takes in one result. */
export function judge(definition: Thresholds, { successes, failures }: Counters, result: Status): Judged {
  if (result !== 'critical') {
    const counted = successes + 1
    const enough = counted > (definition.successBeforePassing ?? 0)
    return { counters: { successes: counted, failures: 0 }, status: enough ? result : undefined }
  }
  const counted = failures + 1
  const critical = definition.failuresBeforeCritical ?? 0
  const warning = definition.failuresBeforeWarning ?? critical
  const status = counted > critical ? 'critical' : counted > warning ? 'warning' : undefined
  return { counters: { successes: 0, failures: counted }, status }
}
