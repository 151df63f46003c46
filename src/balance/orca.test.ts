import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportedUtilisation } from './orca.ts'

const CASES: readonly [string, number | undefined][] = [
  ['TEXT application_utilization=0.7,cpu_utilization=0.5', 0.7],
  ['TEXT cpu_utilization=0.5, mem_utilization=0.9', 0.5],
  ['TEXT application_utilization=0,cpu_utilization=1.25', 1.25],
  ['JSON {"cpu_utilization": 0.25, "named_metrics": {"queue": 3}}', 0.25],
  ['TEXT cpu_utilization=0', 0],
  ['TEXT cpu_utilization=', undefined],
  ['TEXT cpu_utilization=-1', undefined],
  ['TEXT cpu_utilization=1e999', undefined],
  ['TEXT mem_utilization=0.5', undefined],
  ['JSON {"cpu_utilization": "much"}', undefined],
  ['JSON {"cpu_uti', undefined],
  ['JSON null', undefined],
  ['BIN AAAA', undefined],
  ['cpu_utilization=0.5', undefined],
  ['', undefined],
]

for (const [text, expected] of CASES) {
  test(`reads ${JSON.stringify(text)} as ${expected}`, () => assert.equal(reportedUtilisation(text), expected))
}
