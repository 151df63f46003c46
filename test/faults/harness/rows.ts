/** Rows that many faults have. */
import type { LoadResult } from '../../support/load.ts'
import type { Row } from './contract.ts'
import { percentile } from './percentile.ts'

/** Calls that failed, out of all that were sent; the first failure as the detail. */
export function failureRow({ sent, failures }: LoadResult, atMost = 0): Row[] {
  const first = failures[0]
  const detail = first && `at ${Math.round(first.atMs)} ms: ${first.what}`
  return [{ figure: 'failed calls', value: failures.length, unit: '', atMost, of: sent, detail }]
}

export function p99Row(figure: string, latencies: readonly number[], bounds: Pick<Row, 'atMost' | 'info'>): Row {
  return { figure, value: percentile(latencies, 0.99), unit: 'ms', of: latencies.length, ...bounds }
}
