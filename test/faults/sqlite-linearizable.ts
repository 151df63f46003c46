/**
 * Eight clients read, write, compare and set while the registry on SQLite is killed and started again at random moments.
 * Their histories must be linearizable (checker: test/support/linearizable.ts), their watches in order and complete.
 */
import path from 'node:path'
import { runWorkload } from '../support/kv-workload.ts'
import { startRegistryProcess } from '../support/registry-process.ts'
import { watchCounters } from '../support/watch-check.ts'
import type { Fault } from './harness/contract.ts'
import { untilDone } from './harness/disturb.ts'
import { historyRows, watchRows } from './harness/history-rows.ts'

export default {
  name: 'sqlite-linearizable',
  what: 'kill -9 and restart of the registry on SQLite under 8 clients: histories and watches',
  ci: true,
  async run({ dir, random, pick, after, log }) {
    const registry = await startRegistryProcess(['--data', path.join(dir, 'data')])
    after(() => registry.close())
    const urls = [registry.url]
    const watch = watchCounters({ urls, random, prefix: 'watched', watchers: 8 })
    const operations = pick({ ci: 6000, normal: 100_000, long: 500_000 })
    const limitMs = pick({ ci: 12_000, normal: 240_000, long: 3_000_000 })
    const working = runWorkload({ urls, random, operations, prefix: 'checked', limitMs })
    let kills = 0
    const result = await untilDone(working, random, [200, 1200], async () => {
      await registry.signal('SIGKILL')
      await registry.restart()
      kills++
    })
    log(`${kills} kills`)
    return [...historyRows(result), ...watchRows(await watch.stop())]
  },
} satisfies Fault
