/**
 * SIGTERM to one worker of a gateway after the other: it ends with what it has, and idle connections bring one more call. What is left
 * is what a client sends in the moment in which its connection is closed, and what the system resets when a listener closes: none
 * on a machine at rest, a few in a thousand where processes wait for a core.
 */
import type { Fault } from './harness/contract.ts'
import { loseWorkers } from './harness/lose-workers.ts'

export default {
  name: 'gateway-worker-ended',
  what: 'SIGTERM to one of two workers of the gateway, again and again under constant load',
  ci: true,
  async run(context) {
    const { calls, failed, longestMs, alive } = await loseWorkers(context, 'SIGTERM')
    return [
      { figure: 'failed calls', value: failed.length, unit: '', info: true, of: calls, detail: failed[0]?.failure },
      { figure: 'failed calls', value: (failed.length / calls) * 100, unit: '%', atMost: 1 },
      { figure: 'longest until another serves', value: longestMs, unit: 'ms', atMost: 4000 },
      { figure: 'gateway alive', value: alive ? 1 : 0, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault
