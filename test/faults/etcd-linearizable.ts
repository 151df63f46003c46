/**
 * Eight clients read, write, compare and set at three registries over three etcd members, while leaders and registries
 * are killed or frozen and history is compacted. Histories must be linearizable, watches in order and complete.
 */
import { needsEtcd } from '../support/etcd.ts'
import { runWorkload } from '../support/kv-workload.ts'
import { watchCounters } from '../support/watch-check.ts'
import type { Fault } from './harness/contract.ts'
import { untilDone } from './harness/disturb.ts'
import { disturbAtRandom } from './harness/etcd-disturbances.ts'
import { startShared } from './harness/etcd-kit.ts'
import { historyRows, watchRows } from './harness/history-rows.ts'

export default {
  name: 'etcd-linearizable',
  what: '3 registries on 3 etcd members, killed, frozen and compacted under 8 clients: histories and watches',
  ci: true,
  skip: needsEtcd,
  async run(context) {
    const { random, pick, log } = context
    const shared = await startShared(context)
    const { urls } = shared
    const watch = watchCounters({ urls, random, prefix: 'watched', watchers: 8 })
    const operations = pick({ ci: 800, normal: 20_000, long: 100_000 })
    const limitMs = pick({ ci: 12_000, normal: 240_000, long: 3_000_000 })
    const working = runWorkload({ urls, random, operations, prefix: 'checked', limitMs })
    const counts: Record<string, number> = {}
    const result = await untilDone(
      working,
      random,
      pick({ ci: [200, 600], normal: [500, 2000], long: [500, 4000] }),
      async () => {
        const name = await disturbAtRandom(shared, random)
        counts[name] = (counts[name] ?? 0) + 1
      },
    )
    log(JSON.stringify(counts))
    return [...historyRows(result), ...watchRows(await watch.stop())]
  },
} satisfies Fault
