import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { InstanceInfo } from '../../fleet/contract.ts'
import type { FleetConfig } from '../define.ts'
import { createTerminal } from '../ui/terminal.ts'
import { planFleet } from './plan.ts'
import { createView } from './view.ts'

const NAMES = ['users', 'orders', 'invoices', 'shipments']
const CONFIG: FleetConfig = { services: Object.fromEntries(NAMES.map((name) => [name, { entry: `./${name}.ts` }])) }
const instances = NAMES.map(
  (service, i): InstanceInfo => ({
    ...{ id: `${service}-1`, service, ordinal: 1, weight: 1, restarts: 0, port: 4000 + i },
    state: i === 3 ? 'starting' : 'ready',
  }),
)

/** The last status line on a terminal of so many columns. */
function statusOn(columns: number): string {
  const written: string[] = []
  const stream = { isTTY: true, columns, write: (text: string) => written.push(text) }
  const terminal = createTerminal({ stdout: stream, stderr: stream, env: {}, noColor: true })
  const clock = new VirtualClock()
  const view = createView({ terminal, clock, verbose: false, skein: 'skein' })
  view.ready(planFleet(CONFIG, '/x/skein.config.ts', { admin: undefined }), instances, 1000)
  clock.advance(1000)
  return written.at(-1)!
}

test('the status line names every service, and on a narrow terminal says how many instances are ready', () => {
  assert.equal(statusOn(100), '● users 1/1  ● orders 1/1  ● invoices 1/1  ● shipments 0/1   Ctrl-C ends')
  assert.equal(statusOn(50), '● 3/4 instances   Ctrl-C ends')
})
