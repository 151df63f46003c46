/** What a workload and its watchers found, as rows. */

import type { WorkloadResult } from '../../support/kv-workload.ts'
import type { WatchResult } from '../../support/watch-check.ts'
import type { Row } from './contract.ts'

export function historyRows({ operations, unknown, dropped, keys, violations }: WorkloadResult): Row[] {
  const detail = `${unknown} writes without an answer, ${dropped} not counted (refused, or answers that say they may be old)`
  return [
    { figure: 'operations checked', value: operations, unit: '', info: true, detail },
    {
      figure: 'keys without a lawful order',
      value: violations.length,
      unit: '',
      atMost: 0,
      of: keys,
      detail: violations[0],
    },
  ]
}

export function watchRows({ seen, backwards, behind }: WatchResult): Row[] {
  return [
    {
      figure: 'watch: answers that went back',
      value: backwards.length,
      unit: '',
      atMost: 0,
      of: seen,
      detail: backwards[0],
    },
    { figure: 'watch: without the final value', value: behind.length, unit: '', atMost: 0, detail: behind[0] },
  ]
}
