/** SIGTERM to one worker of a gateway after the other: it ends with what it has, idle connections bring one more call, and none fails. */
import type { Fault } from './harness/contract.ts'
import { loseWorkers } from './harness/lose-workers.ts'

export default {
  name: 'gateway-worker-ended',
  what: 'SIGTERM to one of two workers of the gateway, again and again under constant load',
  ci: true,
  async run(context) {
    const { calls, failed, longestMs, alive } = await loseWorkers(context, 'SIGTERM')
    return [
      { figure: 'failed calls', value: failed.length, unit: '', atMost: 0, of: calls, detail: failed[0]?.failure },
      { figure: 'longest until another serves', value: longestMs, unit: 'ms', atMost: 4000 },
      { figure: 'gateway alive', value: alive ? 1 : 0, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault
