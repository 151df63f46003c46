/** kill -9 of one worker of a gateway after the other: what the dead one had is lost, about half of what is under way, and nothing else. */
import type { Fault } from './harness/contract.ts'
import { loseWorkers } from './harness/lose-workers.ts'

export default {
  name: 'gateway-worker-killed',
  what: 'kill -9 of one of two workers of the gateway, again and again under constant load',
  ci: true,
  async run(context) {
    const { count, calls, underWay, failed, others, longestMs, alive } = await loseWorkers(context, 'SIGKILL')
    return [
      { figure: 'failed calls for each kill', value: failed.length / count, unit: '', info: true },
      { figure: 'failed, of those under way', value: failed.length, unit: '', atMost: underWay, of: underWay },
      {
        figure: 'other calls failed',
        value: others.length,
        unit: '',
        atMost: 0,
        of: calls,
        detail: others[0]?.failure,
      },
      { figure: 'longest until another serves', value: longestMs, unit: 'ms', atMost: 3000 },
      { figure: 'gateway alive', value: alive ? 1 : 0, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault
